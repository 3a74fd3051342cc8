"""A load during which a node disappears: its requests in flight may fail, all others must not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.under_load import in_background
from tests.load import Load, Report

# What the gateway answers if a replica disappears with a request: 502, 503 or 504.
_LOST = re.compile(r"status 50[234]:")


@contextmanager
def under_load_with_losses(load: Load, *, rate: float, most: int) -> Iterator[Report]:
    """Run a load from before to after the block, and require correct responses.

    Args:
        load: the load.
        rate: requests per second.
        most: how many requests may be answered with an error of the gateway.
    """
    with in_background(lambda: load.open(rate, 600), load) as report:
        yield report
    lost = {text: n for text, n in report.problems.items() if _LOST.match(text)}
    others = {text: n for text, n in report.problems.items() if text not in lost}
    print(f"{sum(lost.values())} of {report.answers} requests were lost: {lost}")
    assert not others, others
    assert sum(lost.values()) <= most, lost
    assert report.answers > 100
    assert report.rate > 0.9 * rate
