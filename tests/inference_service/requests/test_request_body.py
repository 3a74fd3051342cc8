from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from inference_service.app import create_app
from inference_service.models.model_store import ModelStore
from inference_service.requests.request_body import BodyReceiver
from inference_service.settings import Settings
from shared.captchas.spec import CaptchaSpec
from tests.inference_service.captchas import Captcha
from tests.inference_service.engines import BandEngine, GatedEngine, load_band_engine
from tests.serving import eventually, running, wait_ready

JSON = {"content-type": "application/json"}


def send_slowly(client: httpx.Client, may_finish: threading.Event) -> httpx.Response:
    def content() -> Iterator[bytes]:
        yield bytes(900_000)
        may_finish.wait(30)
        yield b"x"

    return client.post("/predict", content=content(), headers=JSON)


def test_a_body_that_does_not_arrive_in_time_is_a_408(models: Path) -> None:
    store = ModelStore(models, load_band_engine)
    app = create_app(Settings.load(), store, BodyReceiver(timeout_s=0.2))
    may_finish = threading.Event()
    with running(app) as client, ThreadPoolExecutor(1) as pool:
        wait_ready(client)
        response = pool.submit(send_slowly, client, may_finish)
        counted = 'inference_requests_total{route="/predict",status="408"} 1.0'
        eventually(lambda: counted in client.get("/metrics").text, 30, "the 408 is sent")
        may_finish.set()
        assert response.result().status_code == 408
        assert response.result().json()["debug"] == "the request did not arrive within 0.2 s"


def test_bodies_that_arrive_count_against_the_memory_limit(
    models: Path, captchas: list[Captcha]
) -> None:
    store = ModelStore(models, load_band_engine)
    app = create_app(Settings.load(), store, BodyReceiver(max_bytes_in_memory=1_500_000))
    may_finish = threading.Event()
    with running(app) as client, ThreadPoolExecutor(2) as pool:
        wait_ready(client)
        responses = [pool.submit(send_slowly, client, may_finish) for _ in range(2)]
        counted = 'inference_requests_total{route="/predict",status="503"} 1.0'
        eventually(lambda: counted in client.get("/metrics").text, 30, "the 503 is sent")
        # A captcha is predicted although large uploads use all the memory.
        assert client.post("/predict", json=captchas[0].json).json()["success"]
        may_finish.set()
        assert sorted(r.result().status_code for r in responses) == [400, 503]
        rejected = next(r.result() for r in responses if r.result().status_code == 503)
        assert rejected.headers["retry-after"] == "1"
        assert "too many uploads at once" in rejected.json()["debug"]
        # The memory of both is released.
        assert client.post("/predict", json=captchas[0].json).status_code == 200
        assert client.post("/predict", json={"image": "A" * 900_000}).status_code == 422


def test_bodies_that_wait_for_a_prediction_count_against_the_memory_limit(
    models: Path, captchas: list[Captcha]
) -> None:
    engine = GatedEngine(BandEngine(CaptchaSpec()))
    store = ModelStore(models, lambda *_: engine)
    app = create_app(Settings.load(), store, BodyReceiver(max_bytes_in_memory=1_500_000))
    large = {"image": "A" * 900_000}
    with running(app) as client, ThreadPoolExecutor(2) as pool:
        wait_ready(client)
        engine.gate.clear()
        running_request = pool.submit(client.post, "/predict", json=captchas[0].large_json)
        assert engine.is_waiting.wait(30)
        queued = pool.submit(client.post, "/predict", json=large)
        size = "inference_queue_size 2.0"
        eventually(lambda: size in client.get("/metrics").text, 30, "the second request is queued")
        assert client.post("/predict", json=large).status_code == 503
        engine.gate.set()
        assert (running_request.result().status_code, queued.result().status_code) == (200, 422)
        # The memory is released.
        assert client.post("/predict", json=large).status_code == 422


def test_a_client_that_disconnects_is_counted_as_an_error_of_the_client(models: Path) -> None:
    store = ModelStore(models, load_band_engine)
    with running(create_app(Settings.load(), store)) as client:
        wait_ready(client)
        url = client.base_url
        for _ in range(3):
            with socket.create_connection((url.host, url.port)) as connection:
                connection.sendall(
                    b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    b"Content-Length: 5000\r\n\r\n{"
                )
        counted = 'inference_requests_total{route="/predict",status="400"} 3.0'
        eventually(lambda: counted in client.get("/metrics").text, 30, "three 400 are counted")
        assert 'route="/predict",status="500"' not in client.get("/metrics").text
