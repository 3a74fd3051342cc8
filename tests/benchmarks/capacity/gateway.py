"""Requests per second of the gateway on a core of its own, on routes that cost next to nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable

from tests.benchmarks.capacity.samples import Requests, Sample, take_sample
from tests.benchmarks.capacity.stack import run_lone_gateway
from tests.load import Check, Response, Shot

CONNECTIONS = 32
PING = "`/ping`, answered by a replica"
OWN = "a 404 of the gateway itself"


def get_shot(path: str, expected: str) -> Shot:
    """Return a GET request."""
    return Shot(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(), expected)


def require(status: int) -> Check:
    """Return a check of the status, and of a text that the body contains."""

    def check(shot: Shot, response: Response) -> str | None:
        if response.status != status:
            return f"status {response.status} instead of {status}"
        return None if shot.expected.encode() in response.body else "wrong body"

    return check


def measure_gateway(rounds: int, seconds: float) -> dict[str, list[Sample]]:
    """Return the samples by route."""
    routes: dict[str, Callable[[], Requests]] = {
        PING: lambda: Requests(1, [get_shot("/ping", "pong")], require(200)),
        OWN: lambda: Requests(1, [get_shot("/internal", "Not Found")], require(404)),
    }
    samples: dict[str, list[Sample]] = {name: [] for name in routes}
    with run_lone_gateway() as stack:
        for number in range(rounds):
            for name, create in routes.items():
                print(f"round {number + 1} of {rounds}: gateway, {name}", file=sys.stderr)
                sample = take_sample(
                    stack, create(), lambda load: load.closed(CONNECTIONS, seconds)
                )
                samples[name].append(sample)
    return samples
