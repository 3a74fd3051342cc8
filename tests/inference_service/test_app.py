from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from inference_service.app import create_app
from inference_service.engines import OpenVinoEngine
from inference_service.model_store import ModelStore
from inference_service.settings import Settings
from shared.bundled_model import BUNDLED_MODEL
from tests.inference_service.captchas import Captcha
from tests.inference_service.engines import BrokenEngine, FakeEngine, GatedEngine
from tests.serving import eventually, running, wait_ready

FIELDS = {"success", "prediction", "debug"}


def test_a_response_has_the_id_of_its_request(client: httpx.Client) -> None:
    given = client.get("/ping", headers={"X-Request-ID": "client-7"})
    assert given.headers["x-request-id"] == "client-7"
    created = [client.post("/predict").headers["x-request-id"] for _ in range(2)]
    assert created[0] != created[1]


def test_a_rejected_version_appears_in_model_metrics_and_log(
    versions: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (versions / "2").mkdir()
    store = ModelStore(versions, lambda *_: FakeEngine())
    with running(create_app(Settings.load(), store)) as client:
        wait_ready(client)
        reason = "manifest.json is missing"
        assert client.get("/model").json()["rejected"] == {"2": reason}
        metrics = client.get("/metrics").text
        assert f'inference_model_rejected{{reason="{reason}",version="2"}} 1.0' in metrics
        assert "inference_model_rejections_total 1.0" in metrics
        assert "inference_model_swaps_total 1.0" in metrics
    assert f"version 2 was rejected: {reason}" in caplog.text


def test_if_all_versions_are_rejected_every_route_that_needs_one_names_the_reasons(
    tmp_path: Path,
) -> None:
    (tmp_path / "3").mkdir()
    store = ModelStore(tmp_path, lambda *_: FakeEngine())
    message = "no model: version 3 was rejected: manifest.json is missing"
    with running(create_app(Settings.load(), store)) as client:
        for response in (client.get("/model"), client.get("/ready")):
            assert response.status_code == 503
            assert response.json() == {"detail": message}
        assert client.post("/predict").json()["debug"] == message


def test_without_a_model_it_is_alive_but_not_ready_until_a_version_is_published(
    models: Path, openvino: OpenVinoEngine, captchas: list[Captcha], tmp_path: Path
) -> None:
    store = ModelStore(tmp_path / "captcha", lambda *_: openvino)
    with running(create_app(Settings.load(model_poll_s=0.05), store)) as client:
        assert client.get("/ping").text == "pong"
        for response in (client.get("/ready"), client.get("/model")):
            assert response.status_code == 503
            assert response.headers["retry-after"] == "5"
            assert "the trainer has not published a version yet" in response.json()["detail"]
        response = client.post("/predict", json=captchas[0].json)
        assert response.status_code == 503
        assert response.headers["retry-after"] == "5"
        assert set(response.json()) == FIELDS
        assert "inference_model_version -1.0" in client.get("/metrics").text

        shutil.copytree(models, tmp_path / "captcha")
        wait_ready(client, 20)
        assert client.get("/ready").json() == {"status": "ready", "version": 1}
        assert client.post("/predict", json=captchas[0].json).json()["success"] is True


def test_every_route_describes_the_bundled_model_until_a_version_is_published(
    models: Path,
    openvino: OpenVinoEngine,
    captchas: list[Captcha],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    versions = tmp_path / "captcha"
    store = ModelStore(versions, lambda *_: openvino, bundled_model=BUNDLED_MODEL)
    with running(create_app(Settings.load(model_poll_s=0.05), store)) as client:
        assert client.get("/ready").json() == {"status": "ready", "version": 0}
        model = client.get("/model").json()
        assert (model["version"], model["source"], model["rejected"]) == (0, "bundled", {})
        response = client.post("/predict?details=1", json=captchas[0].json).json()
        assert (response["success"], response["details"]["version"]) == (True, 0)
        assert "inference_model_version 0.0" in client.get("/metrics").text
        assert "version 0 is active" in caplog.text

        shutil.copytree(models, versions)
        eventually(lambda: client.get("/ready").json()["version"] == 1, 20, "version 1 is active")
        assert client.get("/model").json()["source"] == "volume"


def test_a_full_queue_is_a_503_at_once(
    models: Path, openvino: OpenVinoEngine, captchas: list[Captcha]
) -> None:
    engine = GatedEngine(openvino)
    store = ModelStore(models, lambda *_: engine)
    settings = Settings.load(max_queue_size=2, inference_threads=1)
    with running(create_app(settings, store)) as client, ThreadPoolExecutor(2) as pool:
        wait_ready(client)
        engine.gate.clear()
        accepted = [pool.submit(client.post, "/predict", json=c.json) for c in captchas[:2]]
        size = "inference_queue_size 2.0"
        eventually(lambda: size in client.get("/metrics").text, 30, "two requests are queued")
        rejected = client.post("/predict", json=captchas[2].json)
        assert rejected.status_code == 503
        assert rejected.headers["retry-after"] == "1"
        assert set(rejected.json()) == FIELDS
        assert rejected.json()["debug"] == "the queue is full: 2 requests are waiting"
        assert "inference_queue_full_total 1.0" in client.get("/metrics").text
        engine.gate.set()
        assert [response.result().status_code for response in accepted] == [200, 200]


def test_an_unexpected_error_is_a_500_whose_request_id_is_in_the_log(
    models: Path, captchas: list[Captcha], caplog: pytest.LogCaptureFixture
) -> None:
    engine = BrokenEngine()
    store = ModelStore(models, lambda *_: engine)
    with running(create_app(Settings.load(), store)) as client:
        wait_ready(client)
        headers = {"X-Request-ID": "bug-1"}
        response = client.post("/predict", json=captchas[0].json, headers=headers)
    assert response.status_code == 500
    assert response.headers["x-request-id"] == "bug-1"
    assert set(response.json()) == FIELDS
    assert "the engine is out of memory" in caplog.text
