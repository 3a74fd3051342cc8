"""The service as a process: with what it begins, and how it leaves without dropping anything."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.serving import eventually, free_port

ROOT = Path(__file__).parents[2]
DRAIN_S = 4.0


@contextmanager
def service_on(
    models: Path, **settings: str
) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """The service as its own process, which looks for versions under `models`; it listens."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "inference_service"],
        cwd=ROOT,
        env={
            **os.environ,
            "MODELS_DIR": str(models),
            "INFERENCE_PORT": str(port),
            "DRAIN_S": str(DRAIN_S),
            **settings,
        },
        stderr=subprocess.PIPE,
        text=True,
    )
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        try:
            eventually(lambda: client.get("/ping").text == "pong", 60, "it listens")
            yield process, client
        finally:
            process.kill()
            process.communicate()


@pytest.fixture
def service(models: Path) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """The service with a model."""
    with service_on(models.parent) as (process, client):
        eventually(lambda: client.get("/ready").status_code == 200, 60, "it is ready")
        yield process, client


def test_on_a_fresh_volume_it_begins_with_the_model_in_the_box(tmp_path: Path) -> None:
    with service_on(tmp_path) as (_, client):
        eventually(lambda: client.get("/ready").status_code == 200, 60, "it is ready")
        assert client.get("/ready").json()["version"] == 0
        assert client.get("/model").json()["source"] == "box"


def test_with_the_box_off_it_waits_for_the_first_training(tmp_path: Path) -> None:
    with service_on(tmp_path, MODEL_BOX="off") as (_, client):
        assert client.get("/ready").status_code == 503
        assert "the first training" in client.get("/ready").json()["detail"]


def test_after_sigterm_it_answers_until_the_gateway_has_noticed_and_then_ends(
    service: tuple[subprocess.Popen[str], httpx.Client],
) -> None:
    process, client = service
    process.send_signal(signal.SIGTERM)
    told = time.monotonic()
    eventually(lambda: client.get("/ready").status_code == 503, DRAIN_S, "it says that it stops")
    assert "stopping" in client.get("/ready").json()["detail"]
    assert client.get("/ping").text == "pong", "what still comes is answered"
    assert client.post("/predict", files={"image": b"x"}).status_code == 422
    process.wait(DRAIN_S + 5)
    assert time.monotonic() - told >= DRAIN_S


def test_a_second_signal_ends_it_at_once(
    service: tuple[subprocess.Popen[str], httpx.Client],
) -> None:
    process, client = service
    process.send_signal(signal.SIGTERM)
    eventually(lambda: client.get("/ready").status_code == 503, DRAIN_S, "it says that it stops")
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.wait(5)
    assert time.monotonic() - began < DRAIN_S
