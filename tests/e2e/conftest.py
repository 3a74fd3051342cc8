"""One stack for all tests of this folder, started with default settings.

Fixtures of the session order what must happen in an order: `first_prediction` before the first
training ends, `trained` after it. Every test leaves version 1 as the only one in the volume.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.browser import browser, pages  # noqa: F401 - fixtures
from tests.e2e.captchas import fetch_captchas, predict
from tests.e2e.replicas import scale
from tests.e2e.stack import ROOT, Stack, find_engine_problem
from tests.e2e.trainers import SMALL_PRESET
from tests.e2e.training_view import FollowedTraining, follow_training
from tests.e2e.under_load import shots_of
from tests.e2e.volume import Volume
from tests.load import Shot
from tests.serving import eventually

# With default settings, 2 cores and built images. CI machines are shared, so that the limit there
# only ends a training that hangs.
MAX_MINUTES = 24 if os.environ.get("CI") else 8


@contextmanager
def new_stack(name: str) -> Iterator[Stack]:
    """Build the images of a stack, start nothing, and remove everything at the end."""
    with tempfile.TemporaryDirectory() as directory:
        presets = Path(directory)
        presets.chmod(0o755)  # containers do not run as its owner
        (presets / "small.toml").write_text(SMALL_PRESET)
        stack = Stack(project=f"captcha-{name}-{os.getpid()}", presets=presets)
        try:
            stack.compose("build")
            stack.started = time.monotonic()
            yield stack
        finally:
            print(stack.compose("ps", "-a", check=False).stdout)
            down = ("down", "-v", "--rmi", "local", "--timeout", "5")
            stack.compose("--profile", "cpu", "--profile", "tensorboard", *down, check=False)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Start everything with `docker compose up -d`."""
    if problem := find_engine_problem():
        if os.environ.get("CI"):
            pytest.fail(f"CI needs a Docker engine: {problem}")
        pytest.skip(f"needs a Docker engine: {problem}")
    with new_stack("e2e") as stack:
        stack.compose("up", "-d")
        yield stack


@pytest.fixture(scope="session")
def client(stack: Stack) -> Iterator[httpx.Client]:
    """Yield a client of the gateway."""
    with stack.client() as client:
        yield client


@pytest.fixture(scope="session")
def operator(stack: Stack) -> Iterator[httpx.Client]:
    """Yield a client of the gateway's port for operators."""
    with stack.admin_client() as client:
        yield client


@pytest.fixture(scope="session")
def first_prediction(stack: Stack, client: httpx.Client, operator: httpx.Client) -> dict[str, Any]:
    """Wait for the first correct prediction and return `seconds`, `model` and `correct` of 20."""

    def predict_one() -> bool:
        captcha = client.get("/captcha.png")
        response = predict(client, captcha.content)
        return bool(response.json()["prediction"] == captcha.headers["x-captcha-text"])

    def try_one() -> bool:
        # Until both services are up, the gateway responds with 503.
        statuses = client.get("/captcha.png").status_code, client.get("/ready").status_code
        return statuses == (200, 200) and predict_one()

    eventually(try_one, 60, "a captcha is generated and predicted")
    seconds = time.monotonic() - stack.started
    return {
        "seconds": seconds,
        "model": operator.get("/model").json(),
        "correct": sum(predict_one() for _ in range(20)),
    }


@pytest.fixture(scope="session")
def followed_training(
    stack: Stack, operator: httpx.Client, first_prediction: dict[str, Any]
) -> FollowedTraining | None:
    """Follow the default training on the page, with two inference replicas."""
    scale(stack, operator, 2)
    followed = follow_training(stack.admin_url, 60 * MAX_MINUTES)
    scale(stack, operator, 1)
    return followed


@pytest.fixture(scope="session")
def trained(
    stack: Stack, client: httpx.Client, followed_training: FollowedTraining | None
) -> float:
    """Wait until the default training has published version 1, and return the minutes since `up`.

    The result of `first_prediction` is needed before, while the bundled model is active.
    """
    (trainer,) = stack.containers("trainer")

    def state() -> dict:
        return stack.inspect(trainer)["State"]

    eventually(lambda: state()["Status"] == "exited", 60 * MAX_MINUTES, "the trainer exits")
    assert state()["ExitCode"] == 0, stack.logs("trainer")
    eventually(lambda: client.get("/ready").json().get("version") == 1, 30, "version 1 is active")
    return (time.monotonic() - stack.started) / 60


@pytest.fixture(scope="session")
def volume(stack: Stack, trained: float) -> Iterator[Volume]:
    """Prepare valid and invalid versions, and yield the models volume."""
    program = (ROOT / "tests/e2e/versions.py").read_text()
    create = ("run", "--rm", "-T", "--no-deps", "--entrypoint", "python", "trainer", "-c", program)
    stack.compose(*create)
    volume = Volume(stack)
    yield volume
    subprocess.run(["docker", "rm", "-f", volume.container], check=True, capture_output=True)


@pytest.fixture(scope="session")
def shots(stack: Stack, client: httpx.Client, trained: float) -> list[Shot]:
    """Return 200 requests with the predictions of version 1."""
    images = [png for _, png in fetch_captchas(client, 200)]
    return shots_of([(predict(client, png).json()["prediction"], png) for png in images])


@pytest.fixture
def one_replica(stack: Stack, operator: httpx.Client, trained: float) -> str:
    """Run one inference replica and return the id of its container."""
    scale(stack, operator, 1)
    (container,) = stack.containers("inference")
    return container


@pytest.fixture
def three_replicas(stack: Stack, operator: httpx.Client, trained: float) -> list[str]:
    """Run three inference replicas and return the ids of their containers."""
    scale(stack, operator, 3)
    containers = stack.containers("inference")
    assert len(containers) == 3
    return containers
