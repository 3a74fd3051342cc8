"""Predictions per second, latency and memory of replicas behind the gateway."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import methodcaller
from statistics import mean

import httpx

from tests.benchmarks.batches import CAPTCHAS, build_shots
from tests.benchmarks.capacity.samples import Requests, Sample, middle, take_sample
from tests.benchmarks.capacity.stack import Stack, run_replicas
from tests.benchmarks.serving import render_captchas
from tests.load import Response, Shot, check_batch, check_prediction

SETUPS = ((1, 1), (2, 1), (2, 2), (4, 2))
"""Replicas and cores."""
IMAGES = (1, 64)
CONNECTIONS = (1, 8, 16)
"""A replica rejects images of a batch that it does not reach within seconds, so not more."""
WARM_UP_S = 0.5
UTILISATION = 0.6


@dataclass
class Result:
    """What was measured for one setup and kind of request, one per round."""

    by_connections: dict[int, list[Sample]] = field(default_factory=dict)
    scheduled: list[Sample] = field(default_factory=list)
    """At UTILISATION of the best rate of the same round, at random times."""
    replica_mb: list[float] = field(default_factory=list)
    gateway_mb: list[float] = field(default_factory=list)

    @property
    def best_rate(self) -> float:
        """Predictions per second at the best number of connections."""
        return max(middle(samples, "rate") for samples in self.by_connections.values())

    @property
    def bad(self) -> int:
        """Wrong and failed predictions of all rounds."""
        samples = [*self.scheduled, *(s for rounds in self.by_connections.values() for s in rounds)]
        return sum(sample.bad for sample in samples)


Results = dict[tuple[int, int, int], Result]
"""By replicas, cores, and images per request."""


def measure_inference(
    setups: Sequence[tuple[int, int]], rounds: int, seconds: float
) -> tuple[Results, dict[int, Requests]]:
    """Measure each setup in each round, so that a busy minute affects all of them."""
    captchas = render_captchas(CAPTCHAS)
    requests: dict[int, Requests] = {}
    results: Results = {(*setup, images): Result() for setup in setups for images in IMAGES}
    for number in range(rounds):
        for replicas, cores in setups:
            print(f"round {number + 1} of {rounds}: replicas: {replicas}, cores: {cores}",
                  file=sys.stderr)  # fmt: skip
            with run_replicas(replicas, cores) as stack:
                requests = requests or build_requests(stack, captchas)
                for images in IMAGES:
                    result = results[replicas, cores, images]
                    measure_stack(stack, requests[images], seconds, result)
    return results, requests


def build_requests(stack: Stack, captchas: Sequence[tuple[str, bytes]]) -> dict[int, Requests]:
    """Return requests that expect what the model predicts for each captcha alone.

    So any other response is an error, also where the model is wrong.
    """
    labelled = []
    with httpx.Client(base_url=stack.url, trust_env=False, timeout=10) as client:
        for _, png in captchas:
            response = client.post("/predict", files={"image": ("captcha.png", png, "image/png")})
            labelled.append((response.raise_for_status().json()["prediction"], png))
    checks = {1: check_prediction, 64: check_images}
    return {n: Requests(n, build_shots(labelled, n), checks[n]) for n in IMAGES}


def check_images(shot: Shot, response: Response) -> str | None:
    """Require a prediction of each image, and the expected texts in order."""
    problem = check_batch(shot, response)
    if problem and response.status == 200:
        results = json.loads(response.body)["results"]
        reasons = [result["debug"] for result in results if not result["success"]]
        if reasons:
            return f"{len(reasons)} images without a prediction: {reasons[0]}"
    return problem


def measure_stack(stack: Stack, requests: Requests, seconds: float, result: Result) -> None:
    """Add a round."""
    take_sample(stack, requests, lambda load: load.closed(CONNECTIONS[-1], WARM_UP_S))
    rates = []
    for connections in CONNECTIONS:
        send = methodcaller("closed", connections, seconds)
        sample = take_sample(stack, requests, send)
        result.by_connections.setdefault(connections, []).append(sample)
        rates.append(sample.rate)
    rate = UTILISATION * max(rates) / requests.images
    result.scheduled.append(take_sample(stack, requests, lambda load: load.open(rate, seconds)))
    result.replica_mb.append(mean(replica.measure_memory_mb() for replica in stack.replicas))
    result.gateway_mb.append(stack.gateway.measure_memory_mb())
