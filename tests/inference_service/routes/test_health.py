from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from inference_service.app import create_app
from inference_service.models.model_store import ModelStore
from inference_service.settings import Settings
from tests.inference_service.captchas import Captcha
from tests.inference_service.engines import load_band_engine
from tests.serving import running, wait_ready


def test_ping_returns_pong_to_get_and_post(client: httpx.Client) -> None:
    assert client.get("/ping").text == client.post("/ping").text == "pong"


@pytest.mark.parametrize("path", ["/ping", "/ready"])
def test_uptime_monitors_can_use_head(client: httpx.Client, path: str) -> None:
    response, expected = client.head(path), client.get(path)
    assert (response.status_code, response.content) == (200, b"")
    for name in ("content-type", "content-length"):
        assert response.headers[name] == expected.headers[name]


def test_head_of_ready_is_a_503_without_a_version(empty_client: httpx.Client) -> None:
    response = empty_client.head("/ready")
    assert (response.status_code, response.content) == (503, b"")
    assert response.headers["retry-after"] == "5"


@pytest.mark.parametrize(
    ("path", "methods"), [("/ping", {"GET", "HEAD", "POST"}), ("/ready", {"GET", "HEAD"})]
)
def test_the_response_to_another_method_names_all_that_are_allowed(
    client: httpx.Client, path: str, methods: set[str]
) -> None:
    response = client.put(path)
    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == methods


def test_the_api_document_has_an_operation_for_get_and_post_but_not_for_head(
    client: httpx.Client,
) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert (set(paths["/ping"]), set(paths["/ready"])) == ({"get", "post"}, {"get"})
    ids = [operation["operationId"] for path in paths.values() for operation in path.values()]
    assert len(set(ids)) == len(ids)


def test_ready_names_the_active_version(client: httpx.Client) -> None:
    assert client.get("/ready").json() == {"status": "ready", "version": 1}


def test_metrics_count_requests_batches_and_the_queue(
    client: httpx.Client, captchas: list[Captcha]
) -> None:
    assert client.post("/predict", json=captchas[0].json).status_code == 200
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    for line in (
        'inference_requests_total{route="/predict",status="200"}',
        'inference_request_seconds_count{route="/predict"}',
        'inference_stage_seconds_count{stage="decode"}',
        'inference_stage_seconds_count{stage="model"}',
        "inference_batch_images_count",
        "inference_queue_size 0.0",
        "inference_queue_full_total 0.0",
        "inference_model_version 1.0",
        "inference_model_swaps_total 1.0",
        "inference_model_rejections_total 0.0",
        "process_resident_memory_bytes",
    ):
        assert f"\n{line}" in response.text, line


def test_a_request_is_counted_once_and_a_batch_with_its_images(
    models: Path, captchas: list[Captcha]
) -> None:
    store = ModelStore(models, load_band_engine)
    with running(create_app(Settings.load(), store)) as client:
        wait_ready(client)
        assert client.post("/predict", json=captchas[0].json).status_code == 200
        batch = {"images": [captcha.json["image"] for captcha in captchas[:20]]}
        assert client.post("/predict/batch", json=batch).status_code == 200
        text = client.get("/metrics").text
    for line in (
        'inference_requests_total{route="/predict",status="200"} 1.0',
        'inference_requests_total{route="/predict/batch",status="200"} 1.0',
        'inference_request_seconds_count{route="/predict"} 1.0',
        "inference_batch_images_sum 21.0",
    ):
        assert f"\n{line}\n" in text, line
    for stage in ("decode", "model"):
        line = f'\ninference_stage_seconds_sum{{stage="{stage}"}} '
        assert float(text.partition(line)[2].split()[0]) > 0


def test_an_unknown_path_is_a_404_in_json_and_counted_as_other(client: httpx.Client) -> None:
    response = client.get("/nothing")
    assert (response.status_code, response.json()) == (404, {"detail": "Not Found"})
    assert 'route="other",status="404"' in client.get("/metrics").text
