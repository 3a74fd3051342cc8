"""The section of docs/benchmarks.md that `make bench-serving` writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from tests.benchmarks.contenders import CONSTANT, COURSE, DIRECT, PAIR, Cores
from tests.benchmarks.processes import ROOT
from tests.benchmarks.table import HEAD, Measured, percentile, ratios, rows, wrong_and_failed
from tests.load import Report

PAGE = ROOT / "docs" / "benchmarks.md"
UNTRAINED = "untrained, its speed is all that is measured"


@dataclass
class Outcome:
    """All that a run found out."""

    results: dict[str, Measured] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    """Who was not measured, and why."""
    bare: list[dict[str, float]] = field(default_factory=list)
    """How often a second each stage runs alone, per round."""
    half_rate: float = 0.0
    at_half: dict[str, list[Report]] = field(default_factory=dict)


def write_section(outcome: Outcome, cores: Cores, machine: str, method: str) -> str:
    """Markdown; `method` says how long was measured."""
    parts = [
        f"`make bench-serving` on {machine}. {method}",
        HEAD + "\n" + "\n".join(_all_rows(outcome, cores)),
        "| on one core | |\n|---|--:|\n" + "\n".join(ratios(outcome.results)),
        "| where one answer's time goes, on one core | µs |\n|---|--:|\n"
        + "\n".join(_stage_rows(outcome)),
    ]
    if outcome.at_half:
        parts.append(_half_load(outcome.at_half, outcome.half_rate))
    return "\n\n".join(parts)


def _all_rows(outcome: Outcome, cores: Cores) -> list[str]:
    notes = {COURSE: UNTRAINED}
    if cores.two_share:
        notes[PAIR] = "load generator and gateway share their cores"
    lines = []
    for name, measured in outcome.results.items():
        lines += rows(f"{name} ({notes[name]})" if name in notes else name, measured)
    lines += [f"| {name} | not measured: {why} |" for name, why in outcome.skipped.items()]
    return lines


def _stage_rows(outcome: Outcome) -> list[str]:
    """Stages alone in a loop, the constant answer, and what is left of ours after both."""
    alone = {key: median(1e6 / rates[key] for rates in outcome.bare) for key in outcome.bare[0]}
    stages = {
        "unpacking the form": alone["form"],
        "decoding the PNG": alone["decoder"],
        "the network": alone["engine"],
        "all of these in turn instead of each in a loop (caches), naming, JSON": (
            alone["answer"] - alone["form"] - alone["decoder"] - alone["engine"]
        ),
    }
    constant, ours = outcome.results.get(CONSTANT), outcome.results.get(DIRECT)
    if constant and ours:
        stages = {"HTTP (the constant answer)": 1e6 / constant.best_rate} | stages
        rest = 1e6 / ours.best_rate - sum(stages.values())
        stages["ways between threads, limits, metrics, and what is colder beside HTTP"] = rest
        stages["**one answer of ours**"] = 1e6 / ours.best_rate
    stages["form to JSON in a loop"] = alone["answer"]
    stages["the same after 5 ms of rest"] = alone["rested"]
    return [f"| {name} | {time_us:,.0f} |" for name, time_us in stages.items()]


def _half_load(at_half: Mapping[str, Sequence[Report]], rate: float) -> str:
    lines = [
        f"| at {rate:,.0f} requests/s on schedule, half of what one replica can do"
        " | p50 ms | p95 ms | p99 ms | wrong | failed |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name, reports in at_half.items():
        latencies = [percentile(reports, percent) for percent in (50, 95, 99)]
        worst = [report.percentile_ms(99) for report in reports if report.answers]
        if worst:
            latencies[-1] += f" ({min(worst):,.1f} to {max(worst):,.1f})"
        lines.append(f"| {' | '.join([name, *latencies, *wrong_and_failed(reports)])} |")
    return "\n".join(lines)


def replace_section(page: str, name: str, text: str) -> str:
    """The page with `text` between its markers of that name. Raises ValueError without them."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page has no {begin} with {end} after it")
    return f"{before}{begin}\n{text.strip()}\n{end}{after}"
