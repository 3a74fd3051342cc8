"""Benchmark of the inference service and other servers under the same load.

`make bench-serving` runs it and writes the tables to docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from generator_service.rendering.dataset_batches import render_png_batch
from generator_service.rendering.render_options import RenderOptions
from shared.captchas.spec import CaptchaSpec
from tests.benchmarks import page, servers
from tests.benchmarks.processes import find_cores, pinned
from tests.benchmarks.reference_servers import CONSTANT_TEXT
from tests.load import Load, Report, Shot, predict_shot

CONNECTIONS = (1, 8, 64)
CAPTCHAS = 300
SEED = 2_000_003  # no training with TRAIN_SEED=1 uses it
WARM_UP_S = 1.0
WRONG = "wrong text"  # as tests/load.py names it
LOAD_COLUMNS = ("p50 ms", "p95 ms", "p99 ms", "wrong", "failed")


@dataclass
class Result:
    """Measurements of a server, one per round."""

    reports: dict[int, list[Report]] = field(default_factory=dict)
    """By number of connections."""
    at_half_load: list[Report] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    ready_s: list[float] = field(default_factory=list)

    @property
    def best_rate(self) -> float:
        """Requests per second at the best number of connections."""
        return max(median(r.rate for r in reports) for reports in self.reports.values())


def render_shots(server: str) -> list[Shot]:
    """Return the requests with the text that their response must contain."""
    constant = CONSTANT_TEXT if server == servers.CONSTANT else None
    return [predict_shot(png, constant or text) for text, png in render_captchas(CAPTCHAS)]


def render_captchas(count: int) -> list[tuple[str, bytes]]:
    """Return labelled captchas as PNG files; no training with default settings has seen them."""
    return render_png_batch(CaptchaSpec(), RenderOptions(), SEED, 0, count)


def measure(
    start: servers.Start, shots: Sequence[Shot], load_core: int, seconds: float, result: Result
) -> None:
    """Add a round: as many requests as a newly started server can handle."""
    with start() as server, pinned({load_core}):
        Load(server.url, shots).closed(1, WARM_UP_S)
        for connections in CONNECTIONS:
            report = Load(server.url, shots).closed(connections, seconds)
            result.reports.setdefault(connections, []).append(report)
        result.memory_mb.append(server.program.measure_memory_mb())
        result.ready_s.append(server.ready_s)


def run(
    starts: Mapping[str, servers.Start], load_core: int, rounds: int, seconds: float
) -> dict[str, Result]:
    """Measure each server in each round, so that a busy minute affects all of them."""
    results = {name: Result() for name in starts}
    shots = {name: render_shots(name) for name in starts}
    for number in range(rounds):
        for name, result in results.items():
            print(f"round {number + 1} of {rounds}: {name}", file=sys.stderr)
            measure(starts[name], shots[name], load_core, seconds, result)
    rate = find_half_load(results)
    for _ in range(rounds):
        for name in (servers.CONSTANT, servers.REPLICA, servers.GATEWAY):
            if name in results:
                print(f"half load: {name}", file=sys.stderr)
                with starts[name]() as server, pinned({load_core}):
                    Load(server.url, shots[name]).closed(1, WARM_UP_S)
                    report = Load(server.url, shots[name]).open(rate, 2 * seconds)
                results[name].at_half_load.append(report)
    return results


def find_half_load(results: Mapping[str, Result]) -> float:
    """Return half of the requests per second of a replica, behind the gateway if there is one."""
    return results.get(servers.GATEWAY, results[servers.REPLICA]).best_rate / 2


def format_rows(name: str, result: Result) -> Iterator[list[str]]:
    """Yield a row per number of connections."""
    costs = [f"{median(result.memory_mb):,.0f}", f"{median(result.ready_s):.1f}"]
    for connections, reports in result.reports.items():
        rate = page.format_rounds([report.rate for report in reports], ",.1f")
        yield [name, str(connections), rate, *format_load(reports), *costs]
        name, costs = "", ["", ""]  # in the first row only


def format_load(reports: Sequence[Report]) -> list[str]:
    """Return the cells of LOAD_COLUMNS."""
    answered = [report for report in reports if report.answers]
    cells = ["-"] * 3
    if answered:
        p50, p95, p99 = ([r.percentile_ms(p) for r in answered] for p in (50, 95, 99))
        cells = [f"{median(p50):,.1f}", f"{median(p95):,.1f}", page.format_rounds(p99, ",.1f")]
    answers = sum(report.answers for report in reports)
    wrong = sum(report.problems[WRONG] for report in reports)
    failed = sum(report.problems.total() for report in reports) - wrong
    return [*cells, f"{wrong / answers:.1%}" if answers else "-", f"{failed:,}"]


def compare(results: Mapping[str, Result]) -> list[tuple[str, str]]:
    """Return rows: requests/s as multiples of other servers, and the cost of the gateway."""
    replica = results[servers.REPLICA]
    rows = [
        (f"requests/s, one replica / {name}", f"{replica.best_rate / results[name].best_rate:.3g}")
        for name in (servers.COURSE, servers.DDDDOCR, servers.CONSTANT)
    ]
    if gateway := results.get(servers.GATEWAY):
        for connections, reports in replica.reports.items():
            pairs = zip(reports, gateway.reports[connections], strict=True)
            cost = median(1 - behind.rate / direct.rate for direct, behind in pairs)
            what = f"requests/s that the gateway costs, connections: {connections}"
            rows.append((what, f"{cost:.1%}"))
    return rows


def main() -> None:
    """Read the options, measure, print, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short round; only prints")
    quick = parser.parse_args().quick
    rounds, seconds = (1, 1.0) if quick else (3, 4.0)
    core, load_core = find_cores()
    machine = page.describe_machine()
    results = run(servers.list_servers(core, load_core), load_core, rounds, seconds)
    columns = ("server", "connections", "requests/s", *LOAD_COLUMNS, "memory MB", "ready s")
    half_columns = (f"at {find_half_load(results):,.0f} requests/s on a schedule", *LOAD_COLUMNS)
    paragraphs = [
        f"`make bench-serving` on {machine}. Rounds: {rounds}, of {seconds:g} s per row, each with"
        f" newly started servers. {CAPTCHAS} captchas (seed {SEED}); every response was checked.",
        page.format_table(columns, (row for item in results.items() for row in format_rows(*item))),
        page.format_table(("comparison, on one core", ""), compare(results)),
        page.format_table(
            half_columns,
            ([n, *format_load(r.at_half_load)] for n, r in results.items() if r.at_half_load),
        ),
    ]
    page.publish("serving", paragraphs, quick=quick)


if __name__ == "__main__":
    main()
