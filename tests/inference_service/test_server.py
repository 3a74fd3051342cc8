"""A replica that is told to stop leaves without dropping anything."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.serving import eventually, free_port

ROOT = Path(__file__).parents[2]
DRAIN_S = 4.0


@pytest.fixture
def service(models: Path) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """The service as its own process, with a model."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "inference_service"],
        cwd=ROOT,
        env={
            **os.environ,
            "MODELS_DIR": str(models.parent),
            "INFERENCE_PORT": str(port),
            "DRAIN_S": str(DRAIN_S),
        },
        stderr=subprocess.PIPE,
        text=True,
    )
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        try:
            eventually(lambda: client.get("/ready").status_code == 200, 60, "it is ready")
            yield process, client
        finally:
            process.kill()
            process.communicate()


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
