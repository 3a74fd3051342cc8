from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from PIL import Image

from inference_service.requests.request_body import MAX_BATCH_BODY_BYTES, MAX_BODY_BYTES
from tests.inference_service.captchas import Captcha
from tests.shared.encoded_images import animated, encoded, gradient, png_that_claims

FIELDS = {"success", "prediction", "debug"}
PNG = encoded(gradient())
Post = Callable[[httpx.Client], httpx.Response]


def post_files(client: httpx.Client, *images: bytes, query: str = "") -> httpx.Response:
    files = [("image", (f"{i}.png", image)) for i, image in enumerate(images)]
    return client.post(f"/predict/batch{query}", files=files)


def post_json(client: httpx.Client, *images: bytes, query: str = "") -> httpx.Response:
    encoded_images = [base64.b64encode(image).decode() for image in images]
    return client.post(f"/predict/batch{query}", json={"images": encoded_images})


both_bodies = pytest.mark.parametrize("post", [post_files, post_json])


@both_bodies
@pytest.mark.parametrize("count", [1, 5, 64])
def test_every_image_gets_the_result_of_a_single_request_in_order(
    client: httpx.Client, captchas: list[Captcha], post: Callable[..., httpx.Response], count: int
) -> None:
    response = post(client, *[captcha.png for captcha in captchas[:count]])
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    results = response.json()["results"]
    assert [result["prediction"] for result in results] == [c.text for c in captchas[:count]]
    single = client.post("/predict", json=captchas[0].json)
    assert results[0] == single.json()


@both_bodies
def test_an_invalid_image_fails_alone_with_its_reason(
    client: httpx.Client, captchas: list[Captcha], post: Callable[..., httpx.Response]
) -> None:
    invalid = {
        b"": "the image is empty",
        b"nothing": "the file is not an image in PNG",
        PNG[:100]: "the image is truncated",
        animated("gif"): "the image is animated",
        png_that_claims(20_000, 20_000): "pixels",
    }
    images = [captchas[0].png]
    for image in invalid:
        images += [image, captchas[1].png]
    response = post(client, *images)
    assert response.status_code == 200
    results = response.json()["results"]
    assert results[0]["prediction"] == captchas[0].text
    assert [r["prediction"] for r in results[2::2]] == [captchas[1].text] * len(invalid)
    for result, reason in zip(results[1::2], invalid.values(), strict=True):
        assert set(result) == FIELDS
        assert (result["success"], result["prediction"]) == (False, "")
        assert reason in result["debug"]


def test_text_that_is_not_base64_fails_alone(client: httpx.Client, captchas: list[Captcha]) -> None:
    valid = captchas[0].json["image"]
    url_safe = valid.replace("+", "-").replace("/", "_").rstrip("=")
    body = {"images": [valid, "%", url_safe]}
    first, second, third = client.post("/predict/batch", json=body).json()["results"]
    assert first == third
    assert second["debug"] == "the image is not valid base64: it contains '%'"


def test_parameters_apply_to_every_image(client: httpx.Client, captchas: list[Captcha]) -> None:
    query = "?details=1&charset=12&length=4"
    pngs = [captcha.png for captcha in captchas[:20]]
    results = post_files(client, *pngs, query=query).json()["results"]
    assert len(results) == 20
    for result in results:
        details = result["details"]
        assert set(result["prediction"]) <= set("12")
        assert details["restriction"] == {"charset": "12", "min_length": 4, "max_length": 4}
        assert details["version"] == 1
        assert details["batch_size"] in (8, 4)


def test_large_images_are_predicted(client: httpx.Client) -> None:
    megapixel = encoded(Image.new("RGB", (1000, 1000)))
    results = post_files(client, *[megapixel] * 8).json()["results"]
    assert [result["success"] for result in results] == [True] * 8


def typed(content: bytes, content_type: str) -> Post:
    headers = {"content-type": content_type}
    return lambda client: client.post("/predict/batch", content=content, headers=headers)


INVALID: dict[str, tuple[Post, int, str]] = {
    "empty request": (lambda c: c.post("/predict/batch"), 400, "contains no image"),
    "form without image": (
        lambda c: c.post("/predict/batch", files={"other": b"x"}),
        400,
        "the form has no field 'image'",
    ),
    "no images": (post_json, 400, "images: List should have at least 1 item"),
    "65 files": (lambda c: post_files(c, *[PNG] * 65), 400, "the form has 65 images, more than"),
    "65 images": (lambda c: post_json(c, *[PNG] * 65), 400, "at most 64 items"),
    "an image that is a number": (
        lambda c: c.post("/predict/batch", json={"images": ["", 5]}),
        400,
        "images.1: Input should be a valid string",
    ),
    "the body of a single prediction": (
        lambda c: c.post("/predict/batch", json={"image": ""}),
        400,
        "images: Field required",
    ),
    "truncated json": (typed(b'{"images": [', "application/json"), 400, "Invalid JSON"),
    "not a form": (typed(b"x" * 99, "multipart/form-data; boundary=b"), 400, "the form is"),
    "text": (typed(b"hello", "text/plain"), 415, "text/plain is not supported"),
    "too large": (
        lambda c: post_files(c, os.urandom(MAX_BATCH_BODY_BYTES)),
        413,
        "more than 4,096,000 bytes",
    ),
    "unknown characters": (
        lambda c: post_files(c, PNG, query="?charset=xyz"),
        422,
        "charset contains 'xyz'",
    ),
    "invalid parameter": (lambda c: post_files(c, PNG, query="?details=maybe"), 422, "details: "),
    "get": (lambda c: c.get("/predict/batch"), 405, "GET is not allowed here; use POST"),
}


@pytest.mark.parametrize("case", INVALID)
def test_an_invalid_request_keeps_the_three_fields_and_gets_a_true_status(
    client: httpx.Client, case: str
) -> None:
    post, status, message = INVALID[case]
    response = post(client)
    assert response.status_code == status, response.text
    body = response.json()
    assert set(body) == FIELDS
    assert (body["success"], body["prediction"]) == (False, "")
    assert message in body["debug"]


def test_a_body_may_be_larger_than_that_of_a_single_prediction(client: httpx.Client) -> None:
    noise = os.urandom(MAX_BODY_BYTES)
    assert post_files(client, noise).json()["results"][0]["success"] is False
    single = client.post("/predict", files={"image": noise})
    assert single.status_code == 413
    assert "more than 1,000,000 bytes" in single.json()["debug"]


def test_batches_and_single_requests_in_parallel_get_their_own_predictions(
    client: httpx.Client, captchas: list[Captcha]
) -> None:
    def post(i: int) -> bool:
        chosen = [captchas[(i + j) % len(captchas)] for j in range(10)]
        if i % 2:
            response = client.post("/predict", json=chosen[0].json)
            return bool(response.json()["prediction"] == chosen[0].text)
        results = post_json(client, *[captcha.png for captcha in chosen]).json()["results"]
        return [result["prediction"] for result in results] == [c.text for c in chosen]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(post, range(80)))


def test_requests_are_counted_under_their_route(client: httpx.Client) -> None:
    assert post_files(client, PNG).status_code == 200
    assert 'inference_requests_total{route="/predict/batch",status="200"}' in (
        client.get("/metrics").text
    )


def test_the_api_document_describes_both_bodies_and_every_status(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    operation = document["paths"]["/predict/batch"]["post"]
    content = operation["requestBody"]["content"]
    assert content["multipart/form-data"]["schema"]["properties"]["image"]["maxItems"] == 64
    assert content["application/json"]["schema"]["properties"]["images"]["maxItems"] == 64
    assert {p["name"] for p in operation["parameters"]} == {
        "details", "charset", "length", "min_length", "max_length",
    }  # fmt: skip
    assert {"200", "400", "408", "413", "415", "422", "503"} <= set(operation["responses"])
    assert "PredictBatchBody" in json.dumps(operation["responses"]["200"])
