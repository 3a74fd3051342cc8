"""The service as a process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from PIL import Image

from inference_service.requests.request_body import MAX_BODY_BYTES
from shared.versions.artifacts import read_manifest
from shared.versions.bundled_model import BUNDLED_MODEL
from tests.inference_service.spec_server import serving_specs
from tests.serving import eventually, free_port
from tests.shared.encoded_images import encoded

ROOT = Path(__file__).parents[2]
Service = tuple[subprocess.Popen[str], httpx.Client]


@contextmanager
def service(models_dir: Path, **settings: str) -> Iterator[Service]:
    """Run the service on a free port and yield its process and a client when it listens."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "inference_service"],
        cwd=ROOT,
        env={
            **os.environ,
            "MODELS_DIR": str(models_dir),
            "INFERENCE_PORT": str(port),
            "GENERATOR_URL": "off",
            **settings,
        },
        stderr=subprocess.PIPE,
        text=True,
    )
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        try:
            eventually(lambda: client.get("/ping").text == "pong", 60, "the service listens")
            yield process, client
        finally:
            process.kill()
            process.communicate()


def is_stopping(client: httpx.Client) -> bool:
    response = client.get("/ready")
    return response.status_code == 503 and "stopping" in response.json()["detail"]


def test_with_an_empty_directory_the_bundled_model_is_active(tmp_path: Path) -> None:
    with service(tmp_path) as (_, client):
        eventually(lambda: client.get("/ready").status_code == 200, 60, "it is ready")
        assert client.get("/ready").json()["version"] == 0
        assert client.get("/model").json()["source"] == "bundled"


def test_the_spec_of_the_generator_determines_the_restriction(tmp_path: Path) -> None:
    spec = read_manifest(BUNDLED_MODEL / "0").captcha_spec
    rendered = replace(spec, charset=spec.charset[:5], length=spec.shortest, min_length=None)
    with serving_specs() as generator:
        generator.render(rendered)
        with service(tmp_path, GENERATOR_URL=generator.url) as (_, client):
            eventually(lambda: client.get("/ready").status_code == 200, 60, "it is ready")
            restriction = client.get("/model").json()["restriction"]
            assert restriction["charset"] == spec.charset[:5]
            assert restriction["min_length"] == restriction["max_length"] == spec.shortest


def test_without_a_bundled_model_it_waits_for_the_first_version(tmp_path: Path) -> None:
    with service(tmp_path, BUNDLED_MODEL="off") as (_, client):
        assert client.get("/ready").status_code == 503
        assert "has not published a version yet" in client.get("/ready").json()["detail"]


@pytest.mark.slow
def test_after_sigterm_it_serves_requests_until_the_drain_time_is_over(tmp_path: Path) -> None:
    drain_s = 4.0
    with service(tmp_path, DRAIN_S=str(drain_s)) as (process, client):
        eventually(lambda: client.get("/ready").status_code == 200, 60, "it is ready")
        process.send_signal(signal.SIGTERM)
        signalled = time.monotonic()
        eventually(lambda: is_stopping(client), drain_s, "it is stopping")
        assert client.get("/ping").text == "pong"
        assert client.post("/predict", files={"image": b"x"}).status_code == 422
        process.wait(drain_s + 30)
        assert time.monotonic() - signalled >= drain_s


def test_requests_that_run_or_wait_when_it_stops_get_their_responses(tmp_path: Path) -> None:
    image = encoded(Image.new("RGBA", (1000, 1000)))
    files = [("image", image)] * 16
    with service(tmp_path, DRAIN_S="0") as (process, client), ThreadPoolExecutor(3) as pool:
        eventually(lambda: client.get("/ready").status_code == 200, 60, "it is ready")
        posts = [pool.submit(client.post, "/predict/batch", files=files) for _ in range(3)]
        queue = re.compile("inference_queue_size [23]")
        eventually(lambda: queue.search(client.get("/metrics").text), 10, "requests wait")
        process.send_signal(signal.SIGTERM)
        for post in posts:
            assert [r["success"] for r in post.result().json()["results"]] == [True] * 16
        process.wait(30)


def test_a_second_signal_stops_it_at_once(tmp_path: Path) -> None:
    with service(tmp_path, DRAIN_S="60") as (process, client):
        process.send_signal(signal.SIGTERM)
        eventually(lambda: is_stopping(client), 30, "it is stopping")
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def test_an_invalid_setting_ends_it_with_a_message() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "inference_service"],
        cwd=ROOT,
        env={**os.environ, "ENGINE": "onnx"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr.startswith("inference: ENGINE: Input should be 'openvino' or 'tensorflow'")


@pytest.mark.slow
def test_uploads_of_a_megapixel_do_not_delay_other_requests(tmp_path: Path) -> None:
    flat = Image.new("RGBA", (1000, 1000))
    jpeg = encoded(flat.convert("L"), "jpeg", progressive=True)
    last_scan = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    uploads = [encoded(flat), jpeg[:-2] + 90 * last_scan + jpeg[-2:]]
    assert max(map(len, uploads)) < MAX_BODY_BYTES

    with service(tmp_path) as (_, client), ThreadPoolExecutor(8) as pool:
        eventually(lambda: client.get("/ready").status_code == 200, 60, "it is ready")
        stop = threading.Event()

        def upload(image: bytes) -> int:
            count = 0
            while not stop.is_set():
                assert client.post("/predict", files={"image": image}).status_code == 200
                count += 1
            return count

        running = [pool.submit(upload, image) for image in uploads * 4]

        def measure_longest_ping_s() -> float:
            longest = 0.0
            for _ in range(20):
                started = time.monotonic()
                assert client.get("/ping").text == "pong"
                longest = max(longest, time.monotonic() - started)
                time.sleep(0.01)
            return longest

        # The best of several rounds, because other programs delay the requests too.
        try:
            assert min(measure_longest_ping_s() for _ in range(5)) < 0.05
        finally:
            stop.set()
        assert all(each.result() for each in running)
