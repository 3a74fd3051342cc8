from __future__ import annotations

import httpx

from tests.inference_service.captchas import Captcha


def test_ping_returns_pong_to_get_and_post(client: httpx.Client) -> None:
    assert client.get("/ping").text == client.post("/ping").text == "pong"


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


def test_an_unknown_path_is_a_404_in_json_and_counted_as_other(client: httpx.Client) -> None:
    response = client.get("/nothing")
    assert (response.status_code, response.json()) == (404, {"detail": "Not Found"})
    assert 'route="other",status="404"' in client.get("/metrics").text
