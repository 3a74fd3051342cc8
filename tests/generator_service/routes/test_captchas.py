from __future__ import annotations

import base64
import io
from concurrent.futures import ThreadPoolExecutor

import httpx
from PIL import Image

from shared.captchas.spec import STYLES, CaptchaSpec

SPEC = CaptchaSpec()


def test_a_png_has_its_label_in_the_header(generator: httpx.Client) -> None:
    response = generator.get("/captcha.png")
    assert response.headers["content-type"] == "image/png"
    assert response.headers["cache-control"] == "no-store"
    SPEC.check_text(response.headers["x-captcha-text"])
    image = Image.open(io.BytesIO(response.content))
    assert (image.format, image.size) == ("PNG", (160, 60))


def test_a_seed_gives_the_same_bytes_and_no_seed_gives_new_ones(generator: httpx.Client) -> None:
    first, second = (generator.get("/captcha.png", params={"seed": 5}) for _ in range(2))
    assert first.content == second.content
    assert first.headers["x-captcha-text"] == second.headers["x-captcha-text"]
    assert len({generator.get("/captcha.png").content for _ in range(5)}) == 5


def test_a_captcha_without_a_seed_can_be_rendered_again(generator: httpx.Client) -> None:
    body = generator.get("/captcha").json()
    assert generator.get("/captcha", params={"seed": body["seed"]}).json() == body
    png = generator.get("/captcha.png")
    again = generator.get("/captcha.png", params={"seed": png.headers["x-captcha-seed"]})
    assert again.content == png.content


def test_json_and_png_of_a_seed_are_the_same_captcha(generator: httpx.Client) -> None:
    body = generator.get("/captcha", params={"seed": 8}).json()
    png = generator.get("/captcha.png", params={"seed": 8})
    assert base64.b64decode(body["image"]) == png.content
    assert body["text"] == png.headers["x-captcha-text"]
    assert body["spec"] == SPEC.to_dict()


def test_a_requested_text_is_rendered(generator: httpx.Client) -> None:
    response = generator.get("/captcha.png", params={"text": "0426", "seed": 1})
    assert response.headers["x-captcha-text"] == "0426"
    other = generator.get("/captcha.png", params={"text": "0427", "seed": 1})
    assert other.content != response.content


def test_a_captcha_can_be_spoken(generator: httpx.Client) -> None:
    query = {"text": "0426", "seed": 1}
    response = generator.get("/captcha.wav", params=query)
    assert response.headers["content-type"] == "audio/wav"
    assert response.headers["x-captcha-text"] == "0426"
    assert response.content[:4] == b"RIFF"
    assert generator.get("/captcha.wav", params=query).content == response.content


def test_the_style_is_chosen_per_request(generator: httpx.Client) -> None:
    def png(**query: object) -> bytes:
        return generator.get("/captcha.png", params={"seed": 4} | query).content

    assert png() == png(style="current")
    assert len({png(style=style) for style in STYLES}) == len(STYLES)
    captcha = generator.get("/captcha", params={"seed": 4, "style": "classic"}).json()
    assert base64.b64decode(captcha["image"]) == png(style="classic")
    assert captcha["spec"] == SPEC.to_dict() | {"style": "classic"}
    assert captcha["text"] == generator.get("/captcha", params={"seed": 4}).json()["text"]


def test_the_spec_contains_the_captchas_and_the_renderer_versions(generator: httpx.Client) -> None:
    body = generator.get("/captcha/spec").json()
    assert body["spec"] == SPEC.to_dict()
    assert body["fingerprint"] == SPEC.fingerprint
    assert body["renderer"]["captcha"] == "0.7.1"
    assert len(body["renderer_fingerprint"]) == 16


def test_single_captchas_do_not_wait_for_a_dataset(generator: httpx.Client) -> None:
    with ThreadPoolExecutor() as threads:
        query = {"count": 1_500, "seed": 1}
        dataset = threads.submit(generator.get, "/dataset", params=query)
        rendered = 0
        while not dataset.done():
            assert generator.get("/captcha.png").status_code == 200
            rendered += 1
    assert rendered >= 3
