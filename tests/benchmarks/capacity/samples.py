"""One load of some seconds through the gateway, as figures."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from tests.benchmarks.batches import to_row
from tests.benchmarks.capacity.stack import Stack
from tests.benchmarks.processes import pinned
from tests.load import Check, Load, Report, Response, Shot

END_OF_HEADERS = len("\r\n\r\n")


@dataclass(frozen=True)
class Requests:
    """Requests of one kind."""

    images: int
    """Per request."""
    shots: Sequence[Shot]
    check: Check

    @property
    def mean_bytes(self) -> float:
        """Mean size of a request with its headers."""
        return sum(len(shot.request) for shot in self.shots) / len(self.shots)


@dataclass(frozen=True)
class Sample:
    """What one load measured."""

    rate: float
    """Images per second that were answered correctly or not; requests per second without images."""
    p50_ms: float
    p99_ms: float
    bad: int
    """Wrong texts and failed requests."""
    gateway_cpu_s: float
    """CPU time of the gateway per response."""
    response_bytes: float
    """Mean size of a response with its headers."""


class CountingCheck:
    """A check that also counts the bytes of the responses."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self.response_bytes = 0

    def __call__(self, shot: Shot, response: Response) -> str | None:
        """Count the response, and return its problem."""
        self.response_bytes += len(response.headers) + END_OF_HEADERS + len(response.body)
        return self._check(shot, response)


def take_sample(stack: Stack, requests: Requests, send: Callable[[Load], Report]) -> Sample:
    """Load a stack and return what was measured; every response is checked.

    Args:
        stack: what is loaded.
        requests: which requests.
        send: sends them, at a rate or on a number of connections.
    """
    check = CountingCheck(requests.check)
    before_s = stack.gateway.measure_cpu_s()
    with pinned(stack.load_cores):
        report = send(Load(stack.url, requests.shots, check))
    cpu_s = stack.gateway.measure_cpu_s() - before_s
    warn(report.problems)
    if not report.answers:
        sys.exit("not measured: no request was answered")
    row = to_row(report, requests.images)
    return Sample(
        rate=row.images_per_s,
        p50_ms=report.percentile_ms(50),
        p99_ms=report.percentile_ms(99),
        bad=round(row.wrong * row.images_per_s * report.seconds) + row.failed,
        gateway_cpu_s=cpu_s / report.answers,
        response_bytes=check.response_bytes / report.answers,
    )


def warn(problems: Counter[str]) -> None:
    """Print the problems of responses, the most frequent ones first."""
    for problem, count in problems.most_common(3):
        print(f"{count} responses: {problem}", file=sys.stderr)


def middle(samples: Sequence[Sample], figure: str) -> float:
    """Return the median of a figure over the rounds."""
    return float(median(getattr(sample, figure) for sample in samples))
