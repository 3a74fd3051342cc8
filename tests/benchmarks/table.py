"""Measurements -> the Markdown that stands in docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from tests.benchmarks.contenders import CONSTANT, COURSE, DDDDOCR, DIRECT, GATEWAY
from tests.load import Report

WRONG = "wrong text"
HEAD = (
    "| server | connections | requests/s | p50 ms | p95 ms | p99 ms | wrong | failed | memory MB"
    " | ready s |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
)


@dataclass
class Measured:
    """What came of one contender: for each number of connections a report per round."""

    reports: dict[int, list[Report]] = field(default_factory=dict)
    memory_mb: list[float] = field(default_factory=list)
    ready_s: list[float] = field(default_factory=list)

    def rate(self, connections: int) -> float:
        """Requests per second, the median of the rounds."""
        return median(report.rate for report in self.reports[connections])

    @property
    def best_rate(self) -> float:
        return max(map(self.rate, self.reports))


def percentile(reports: Sequence[Report], percent: float) -> str:
    """The median over the rounds, or a dash if nothing was answered."""
    found = [report.percentile_ms(percent) for report in reports if report.answers]
    return f"{median(found):,.1f}" if found else "-"


def wrong_and_failed(reports: Sequence[Report]) -> tuple[str, str]:
    """Wrong answers in percent of all, and the number that failed, over all rounds."""
    answers = sum(report.answers for report in reports)
    wrong = sum(report.problems[WRONG] for report in reports)
    failed = sum(report.problems.total() for report in reports) - wrong
    return (f"{wrong / answers:.1%}" if answers else "-"), f"{failed:,}"


def spread(reports: Sequence[Report]) -> str:
    """Requests per second of the worst and the best round: how far the median can be trusted."""
    rates = [report.rate for report in reports]
    return f" ({min(rates):,.1f} to {max(rates):,.1f})" if len(rates) > 1 else ""


def rows(name: str, measured: Measured) -> list[str]:
    """One line for each number of connections; what they have in common in the first."""
    lines = []
    for connections, reports in measured.reports.items():
        first = not lines
        cells = [
            name if first else "",
            str(connections),
            f"{measured.rate(connections):,.1f}{spread(reports)}",
            *(percentile(reports, percent) for percent in (50, 95, 99)),
            *wrong_and_failed(reports),
            f"{median(measured.memory_mb):,.0f}" if first else "",
            f"{median(measured.ready_s):.1f}" if first else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def ratios(results: Mapping[str, Measured]) -> list[str]:
    """How ours compares, on one core each, by the best rate of each."""
    ours = results.get(DIRECT)
    if ours is None:
        return []
    lines = [
        f"| {what} | {ours.best_rate / results[other].best_rate:,.3g} |"
        for other, what in (
            (COURSE, "ours / the course's way, requests/s on one core"),
            (DDDDOCR, "ours / ddddocr, requests/s on one core"),
            (CONSTANT, "ours / constant answer, requests/s on one core"),
        )
        if other in results and results[other].best_rate
    ]
    if through := results.get(GATEWAY):
        for connections, reports in ours.reports.items():
            # Round by round: what slowed the machine down for a minute slowed both.
            pairs = zip(reports, through.reports[connections], strict=False)
            if kept := [behind.rate / direct.rate for direct, behind in pairs if direct.rate]:
                what = f"requests/s that the gateway costs, connections: {connections}"
                lines.append(f"| {what} | {1 - median(kept):.1%} |")
    return lines
