"""Requests with several images through the gateway."""

from __future__ import annotations

import json
import subprocess
import time

import httpx

from tests.e2e.captchas import fetch_captchas, predict
from tests.e2e.replicas import count_up, wait_until_up
from tests.e2e.stack import Stack
from tests.e2e.under_load import in_background
from tests.load import Load, Response, Shot, batch_shot, check_batch
from tests.serving import eventually

GATEWAY_BUFFER_BYTES = 65_536  # tune.bufsize in haproxy.cfg
CONNECTIONS = 8
KILLS = 4
# What the check below calls a failure that a client can handle: it sends the request again.
CLEAN = "the gateway responded with"
# As tests/load.py describes a connection that ended without a response.
LOST = "connection lost"


def check_or_fail_cleanly(shot: Shot, response: Response) -> str | None:
    """Describe a response of the gateway itself as a clean failure, if it has the three fields."""
    if response.status in (502, 503, 504):
        body = json.loads(response.body)
        if set(body) == {"success", "prediction", "debug"} and not body["success"]:
            return f"{CLEAN} {response.status}: {body['debug']}"
    return check_batch(shot, response)


def test_every_image_gets_the_prediction_of_a_single_request(
    client: httpx.Client, trained: float
) -> None:
    captchas = fetch_captchas(client, 64)
    single = [predict(client, png).json() for _, png in captchas]
    response = client.post("/predict/batch", files=[("image", png) for _, png in captchas])
    assert response.status_code == 200
    assert response.json() == {"results": single}


def test_a_killed_replica_fails_only_large_requests_that_it_was_processing(
    stack: Stack, client: httpx.Client, operator: httpx.Client, three_replicas: list[str]
) -> None:
    images = [png for _, png in fetch_captchas(client, 64)]
    shot = batch_shot([(predict(client, png).json()["prediction"], png) for png in images])
    assert len(shot.request) > 2 * GATEWAY_BUFFER_BYTES
    load = Load(stack.url, [shot], check_or_fail_cleanly)
    with in_background(lambda: load.closed(CONNECTIONS, 600), load) as report:
        for turn in range(KILLS):
            killed = three_replicas[turn % 3]
            subprocess.run(["docker", "kill", killed], check=True, capture_output=True)
            eventually(lambda: count_up(operator) == 2, 10, "the gateway removes the replica")
            time.sleep(0.5)
            subprocess.run(["docker", "start", killed], check=True, capture_output=True)
            wait_until_up(stack, operator, 3)
    problems = report.problems
    print(f"{report.answers} responses, failures: {problems.most_common()}")
    unexpected = [problem for problem in problems if not problem.startswith((CLEAN, LOST))]
    assert not unexpected, "a response is wrong, or a failure is not clean"
    # A kill fails at most the one request of each connection.
    assert problems.total() <= KILLS * CONNECTIONS
    assert report.statuses[200] > 10 * KILLS
