"""A load in the background while something happens to the stack, and what it must not notice."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from tests.load import Answer, Judge, Load, Report, Shot, predict_shot


def judge_version(kinds: Mapping[int, str]) -> Judge:
    """The text must be right for the very version that the answer names.

    `kinds` tells of each version whether it reads "plain", or "turned": every digit as the next.
    """

    def judge(shot: Shot, answer: Answer) -> str | None:
        if answer.status != 200:
            return f"status {answer.status}: {answer.body[:150].decode('utf-8', 'replace')}"
        body = json.loads(answer.body)
        version = body["details"]["version"]
        if version not in kinds:
            return f"version {version}, which nobody may see"
        expected = shot.expected if kinds[version] == "plain" else turn(shot.expected)
        if body["prediction"] == expected:
            return None
        return f"version {version} read {body['prediction']}, not {expected}"

    return judge


def turn(text: str) -> str:
    """Every digit as the next one."""
    return "".join(str((int(digit) + 1) % 10) for digit in text)


def shots_of(captchas: Sequence[tuple[str, bytes]]) -> list[Shot]:
    """Requests for what the plain model reads, which is given as each captcha's text."""
    return [predict_shot(png, text, "/predict?details=1") for text, png in captchas]


@contextmanager
def under_load(load: Load, *, connections: int = 8, rate: float = 0.0) -> Iterator[Report]:
    """Runs the load from before to after the block; at a rate, or else as fast as it is answered.

    At the end it must have been a load, and every answer right.
    """
    run = (lambda: load.open(rate, 600)) if rate else (lambda: load.closed(connections, 600))
    thread = threading.Thread(target=run)
    thread.start()
    try:
        time.sleep(1)
        yield load.report
        time.sleep(1)
    finally:
        load.stop()
        thread.join()
    report = load.report
    problems = report.problems.most_common(5)
    assert not problems, f"{sum(report.problems.values())} of {report.answers}: {problems}"
    assert report.answers > 100
    assert report.rate > (0.9 * rate if rate else 20)
