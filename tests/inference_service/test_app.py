from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from inference_service.app import create_app
from inference_service.models.generator_watcher import GeneratorWatcher
from inference_service.models.model_store import ModelStore
from inference_service.settings import Settings
from shared.captchas.spec import CaptchaSpec
from tests.inference_service.captchas import Captcha, draw
from tests.inference_service.engines import (
    BandEngine,
    BrokenEngine,
    GatedEngine,
    load_band_engine,
)
from tests.inference_service.spec_server import serving_specs
from tests.inference_service.versions import bundle_fake, publish_fake
from tests.serving import eventually, running, wait_ready

FIELDS = {"success", "prediction", "debug"}
HEXADECIMAL = CaptchaSpec("0123456789ABCDEF", length=6, min_length=3)


def test_a_response_has_the_id_of_its_request(client: httpx.Client) -> None:
    given = client.get("/ping", headers={"X-Request-ID": "client-7"})
    assert given.headers["x-request-id"] == "client-7"
    created = [client.post("/predict").headers["x-request-id"] for _ in range(2)]
    assert created[0] != created[1]


def test_the_api_documentation_is_served_without_other_hosts(client: httpx.Client) -> None:
    page = client.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    script = client.get("/docs/swagger-ui-bundle.js")
    assert "SwaggerUIBundle" in script.text
    condition = {"If-None-Match": script.headers["etag"]}
    assert client.get("/docs/swagger-ui-bundle.js", headers=condition).status_code == 304
    assert client.head("/docs").headers["etag"] == page.headers["etag"]
    assert client.post("/docs").status_code == 405
    assert client.get("/redoc").status_code == 404
    assert not [path for path in client.get("/openapi.json").json()["paths"] if "docs" in path]


def test_head_gives_the_headers_of_get(client: httpx.Client) -> None:
    for path in ("/model", "/models", "/metrics", "/ping"):
        head, full = client.head(path), client.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == full.headers["content-type"]
    assert client.head("/predict").status_code == 405


def test_a_rejected_version_appears_in_model_metrics_and_log(
    versions: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (versions / "2").mkdir()
    store = ModelStore(versions, load_band_engine)
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
    store = ModelStore(tmp_path, load_band_engine)
    message = "no model: version 3 was rejected: manifest.json is missing"
    with running(create_app(Settings.load(), store)) as client:
        for response in (client.get("/model"), client.get("/ready")):
            assert response.status_code == 503
            assert response.json() == {"detail": message}
        assert client.post("/predict").json()["debug"] == message


def test_without_a_model_it_is_alive_but_not_ready_until_a_version_is_published(
    models: Path, captchas: list[Captcha], tmp_path: Path
) -> None:
    store = ModelStore(tmp_path / "captcha", load_band_engine)
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
    captchas: list[Captcha],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    versions = tmp_path / "captcha"
    store = ModelStore(
        versions, load_band_engine, bundled_model=bundle_fake(tmp_path, CaptchaSpec())
    )
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


def test_a_full_queue_is_a_503_at_once(models: Path, captchas: list[Captcha]) -> None:
    engine = GatedEngine(BandEngine(CaptchaSpec()))
    store = ModelStore(models, lambda *_: engine)
    settings = Settings.load(max_queue_size=2)
    with running(create_app(settings, store)) as client, ThreadPoolExecutor(2) as pool:
        wait_ready(client)
        engine.gate.clear()
        accepted = [pool.submit(client.post, "/predict", json=c.large_json) for c in captchas[:2]]
        size = "inference_queue_size 2.0"
        eventually(lambda: size in client.get("/metrics").text, 30, "two requests are queued")
        rejected = client.post("/predict", json=captchas[2].large_json)
        assert rejected.status_code == 503
        assert rejected.headers["retry-after"] == "1"
        assert set(rejected.json()) == FIELDS
        assert rejected.json()["debug"] == "the queue is full: 2 requests are waiting; retry later"
        assert "inference_queue_full_total 1.0" in client.get("/metrics").text
        engine.gate.set()
        assert [response.result().status_code for response in accepted] == [200, 200]


def test_an_unexpected_error_is_a_500_whose_request_id_is_in_the_log(
    models: Path, captchas: list[Captcha], caplog: pytest.LogCaptureFixture
) -> None:
    engine = BrokenEngine(CaptchaSpec())
    store = ModelStore(models, lambda *_: engine)
    with running(create_app(Settings.load(), store)) as client:
        wait_ready(client)
        headers = {"X-Request-ID": "bug-1"}
        response = client.post("/predict", json=captchas[0].json, headers=headers)
    assert response.status_code == 500
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["x-request-id"] == "bug-1"
    assert set(response.json()) == FIELDS
    (record,) = [record for record in caplog.records if record.exc_info]
    assert "the engine is out of memory" in str(record.exc_info)


def test_a_swap_does_not_affect_requests_that_arrived_before_it(
    tmp_path: Path, captchas: list[Captcha]
) -> None:
    versions = tmp_path / "captcha"
    publish_fake(versions, CaptchaSpec())
    engine = GatedEngine(BandEngine(CaptchaSpec()))
    generator = [CaptchaSpec()]

    def load(directory: Path, spec: CaptchaSpec) -> BandEngine:
        return engine if directory.name == "1" else BandEngine(spec)

    store = ModelStore(versions, load, find_generator=lambda: generator[0])
    settings = Settings.load(model_poll_s=0.05)
    with running(create_app(settings, store)) as client, ThreadPoolExecutor(8) as pool:
        wait_ready(client)
        engine.gate.clear()
        path = "/predict?details=1"
        old = [pool.submit(client.post, path, json=c.large_json) for c in captchas[:4]]
        images = [c.json["image"] for c in captchas[:20]]
        old_batch = pool.submit(client.post, "/predict/batch?details=1", json={"images": images})
        size = "inference_queue_size 5.0"
        eventually(lambda: size in client.get("/metrics").text, 30, "five requests are queued")
        generator[0] = HEXADECIMAL
        eventually(lambda: client.get("/ready").status_code == 503, 30, "no version is active")
        publish_fake(versions, HEXADECIMAL)
        wait_ready(client)
        new = [
            pool.submit(client.post, path, json=draw(text, HEXADECIMAL).large_json)
            for text in ("ABC", "FEDCBA")
        ]
        size = "inference_queue_size 7.0"
        eventually(lambda: size in client.get("/metrics").text, 30, "seven requests are queued")
        engine.gate.set()
        for response, captcha in zip(old, captchas, strict=False):
            body = response.result().json()
            assert (body["prediction"], body["details"]["version"]) == (captcha.text, 1)
        results = old_batch.result().json()["results"]
        assert [result["prediction"] for result in results] == [c.text for c in captchas[:20]]
        assert {result["details"]["version"] for result in results} == {1}
        for response, text in zip(new, ("ABC", "FEDCBA"), strict=True):
            body = response.result().json()
            assert (body["prediction"], body["details"]["version"]) == (text, 2)


def test_the_first_version_that_is_loaded_is_the_one_for_the_generator(tmp_path: Path) -> None:
    versions = tmp_path / "captcha"
    publish_fake(versions, CaptchaSpec())
    publish_fake(versions, HEXADECIMAL)
    with serving_specs() as server:
        server.render(CaptchaSpec())
        generator = GeneratorWatcher(server.url)
        store = ModelStore(versions, load_band_engine, find_generator=lambda: generator.spec)
        with running(create_app(Settings.load(), store, generator=generator)) as client:
            assert client.get("/ready").json() == {"status": "ready", "version": 1}
            assert client.get("/models").json()["generator"] == CaptchaSpec().to_dict()
    assert store.swaps == 1


def test_captchas_that_no_version_predicts_are_a_503_that_names_the_setting(
    tmp_path: Path, captchas: list[Captcha]
) -> None:
    with serving_specs() as server:
        server.render(CaptchaSpec("0123+", length=4))
        generator = GeneratorWatcher(server.url)
        store = ModelStore(
            tmp_path / "captcha",
            load_band_engine,
            bundled_model=bundle_fake(tmp_path, HEXADECIMAL),
            find_generator=lambda: generator.spec,
        )
        settings = Settings.load(model_poll_s=0.05, generator_poll_s=0.05)
        with running(create_app(settings, store, generator=generator)) as client:
            reason = (
                "no model: CAPTCHA_CHARSET contains '+', which the bundled model does not know;"
                " a version is needed that is trained for it"
            )
            for response in (client.get("/ready"), client.get("/model")):
                assert (response.status_code, response.json()) == (503, {"detail": reason})
            response = client.post("/predict", json=captchas[0].json)
            assert response.status_code == 503
            assert response.json() == {"success": False, "prediction": "", "debug": reason}
            assert "inference_model_version -1.0" in client.get("/metrics").text
            (version,) = client.get("/models").json()["versions"]
            assert (version["active"], version["matches"]) == (False, False)

            server.render(CaptchaSpec("0123", length=4))
            wait_ready(client)
            assert client.get("/ready").json()["version"] == 0
