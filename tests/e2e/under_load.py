"""A load in the background while the stack changes, during which no request may fail."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from tests.load import Check, Load, Report, Response, Shot, predict_shot


def check_version(kinds: Mapping[int, str]) -> Check:
    """Return a check that the text is what the version named in the response predicts.

    Args:
        kinds: for each version that may respond, "plain" for the predictions of version 1, or
            "rotated" for the next digit of each.
    """

    def check(shot: Shot, response: Response) -> str | None:
        if response.status != 200:
            return f"status {response.status}: {response.body[:150].decode('utf-8', 'replace')}"
        body = json.loads(response.body)
        version = body["details"]["version"]
        if version not in kinds:
            return f"version {version}, which must not be active"
        expected = shot.expected if kinds[version] == "plain" else rotate(shot.expected)
        if body["prediction"] == expected:
            return None
        return f"version {version} predicted {body['prediction']}, not {expected}"

    return check


def rotate(text: str) -> str:
    """Replace every digit by the next one."""
    return "".join(str((int(digit) + 1) % 10) for digit in text)


def shots_of(captchas: Sequence[tuple[str, bytes]]) -> list[Shot]:
    """Return a request for each captcha; its text is the prediction of version 1."""
    return [predict_shot(png, text, "/predict?details=1") for text, png in captchas]


@contextmanager
def in_background(run: Callable[[], Report], load: Load) -> Iterator[Report]:
    """Run a load from before to after the block."""
    thread = threading.Thread(target=run)
    thread.start()
    try:
        time.sleep(1)
        yield load.report
        time.sleep(1)
    finally:
        load.stop()
        thread.join()


@contextmanager
def under_load(load: Load, *, connections: int = 8, rate: float = 0.0) -> Iterator[Report]:
    """Run a load from before to after the block, and require that every response is correct.

    Args:
        load: the load.
        connections: connections of a load that is as fast as the responses.
        rate: requests per second instead.
    """
    run = (lambda: load.open(rate, 600)) if rate else (lambda: load.closed(connections, 600))
    with in_background(run, load) as report:
        yield report
    problems = report.problems.most_common(5)
    assert not problems, f"{sum(report.problems.values())} of {report.answers}: {problems}"
    assert report.answers > 100
    assert report.rate > (0.9 * rate if rate else 20)
