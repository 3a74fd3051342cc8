from __future__ import annotations

import httpx
import pytest

from shared.captchas.spec import CaptchaSpec


def test_ping_returns_pong_to_get_and_post(generator: httpx.Client) -> None:
    assert generator.get("/ping").text == generator.post("/ping").text == "pong"


@pytest.mark.parametrize("route", ["/ping", "/ready"])
def test_a_head_request_gets_the_headers_without_the_body(
    generator: httpx.Client, route: str
) -> None:
    head, get = generator.head(route), generator.get(route)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


def test_a_dataset_is_not_rendered_for_a_head_request(generator: httpx.Client) -> None:
    response = generator.head("/dataset")
    assert (response.status_code, response.headers["allow"]) == (405, "GET")


def test_a_ready_generator_returns_the_fingerprint_of_its_spec(generator: httpx.Client) -> None:
    response = generator.get("/ready")
    assert response.status_code == 200
    assert response.json() == {"status": "ready", "fingerprint": CaptchaSpec().fingerprint}


def test_metrics_count_responses_by_declared_route_and_captchas_by_format(
    generator: httpx.Client,
) -> None:
    generator.get("/captcha.png")
    generator.get("/requested-by-a-client")
    text = generator.get("/metrics").text
    assert 'generator_requests_total{route="/captcha.png",status="200"}' in text
    assert 'generator_requests_total{route="other",status="404"}' in text
    assert "requested-by" not in text
    assert 'generator_request_seconds_count{route="/captcha.png"}' in text
    assert 'generator_captchas_rendered_total{format="png"}' in text
