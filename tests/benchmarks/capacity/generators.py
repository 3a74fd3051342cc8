"""Captchas per second of generators behind the gateway."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from generator_service.rendering.captcha_text import generate_text
from shared.captchas.spec import CaptchaSpec
from tests.benchmarks.capacity.gateway import get_shot
from tests.benchmarks.capacity.samples import Requests, Sample, take_sample
from tests.benchmarks.capacity.stack import Stack, run_generators
from tests.benchmarks.processes import pinned
from tests.benchmarks.rendering import SEED, measure_generator
from tests.load import Response, Shot

SETUPS = ((1, 1), (1, 2), (2, 1), (2, 2))
"""Generators, and worker processes of each."""
FORMATS = ("npz", "zip")
CONNECTIONS = 8
SEEDS = 200


@dataclass
class Result:
    """What was measured for one setup, one per round."""

    datasets: dict[str, list[float]] = field(default_factory=dict)
    """Captchas per second by format."""
    single: list[Sample] = field(default_factory=list)
    """Of /captcha.png."""


def measure_generators(
    setups: Sequence[tuple[int, int]], rounds: int, seconds: float, captchas: int
) -> dict[tuple[int, int], Result]:
    """Measure each setup in each round.

    Args:
        setups: numbers of generators and of worker processes of each.
        rounds: number of rounds.
        seconds: least time of each measurement.
        captchas: per dataset.
    """
    results = {setup: Result() for setup in setups}
    for number in range(rounds):
        for (count, processes), result in results.items():
            print(f"round {number + 1} of {rounds}: generators: {count}, processes: {processes}",
                  file=sys.stderr)  # fmt: skip
            with run_generators(count, processes) as stack:
                measure_single(stack, 0.5)  # warm-up
                result.single.append(measure_single(stack, seconds))
                for kind in FORMATS:
                    rate = measure_datasets(stack, kind, count, captchas, seconds)
                    result.datasets.setdefault(kind, []).append(rate)
    return results


def measure_single(stack: Stack, seconds: float) -> Sample:
    """Measure single captchas."""
    seeds = range(SEED, SEED + SEEDS)
    texts = [generate_text(CaptchaSpec(), seed, 0) for seed in seeds]
    shots = [get_shot(f"/captcha.png?seed={s}", t) for s, t in zip(seeds, texts, strict=True)]
    requests = Requests(1, shots, check_png)
    return take_sample(stack, requests, lambda load: load.closed(CONNECTIONS, seconds))


def check_png(shot: Shot, response: Response) -> str | None:
    """Require a complete PNG file with the label of its seed."""
    label = re.search(rb"(?i)x-captcha-text: *(\S+)", response.headers)
    if response.status != 200:
        return f"status {response.status}"
    if label is None or label[1].decode() != shot.expected:
        return "wrong text"
    is_whole = response.body.startswith(b"\x89PNG") and b"IEND" in response.body[-12:]
    return None if is_whole else "incomplete PNG"


def measure_datasets(stack: Stack, kind: str, streams: int, captchas: int, seconds: float) -> float:
    """Return the captchas per second of as many streams as generators; each dataset is checked."""
    with pinned(stack.load_cores), ThreadPoolExecutor(streams) as threads:
        rates = [
            threads.submit(measure_generator, stack.url, kind, captchas, seconds)
            for _ in range(streams)
        ]
        return sum(rate.result() for rate in rates)
