from __future__ import annotations

import base64
import io
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from generator_service.app import MAX_STREAMS, create_app
from generator_service.drawing import draw_grey
from generator_service.renderer import Renderer
from generator_service.settings import Settings
from shared.dataset_archive import read_npz
from shared.images import decode_image
from shared.spec import DRAWINGS, CaptchaSpec
from tests.serving import eventually, running

SPEC = CaptchaSpec()


def test_ping_answers_pong_to_get_and_post(generator: httpx.Client) -> None:
    assert generator.get("/ping").text == generator.post("/ping").text == "pong"


def test_a_picture_comes_with_its_label_in_the_header(generator: httpx.Client) -> None:
    answer = generator.get("/captcha.png")
    assert answer.headers["content-type"] == "image/png"
    SPEC.check_text(answer.headers["x-captcha-text"])
    picture = Image.open(io.BytesIO(answer.content))
    assert (picture.format, picture.size) == ("PNG", (160, 60))


def test_the_same_seed_gives_the_same_bytes_and_no_seed_gives_new_ones(
    generator: httpx.Client,
) -> None:
    first, again = (generator.get("/captcha.png", params={"seed": 5}) for _ in range(2))
    assert first.content == again.content
    assert first.headers["x-captcha-text"] == again.headers["x-captcha-text"]
    fresh = {generator.get("/captcha.png").content for _ in range(5)}
    assert len(fresh) == 5


def test_a_captcha_that_was_drawn_without_seed_can_be_drawn_again(generator: httpx.Client) -> None:
    drawn = generator.get("/captcha").json()
    assert generator.get("/captcha", params={"seed": drawn["seed"]}).json() == drawn
    picture = generator.get("/captcha.png")
    again = generator.get("/captcha.png", params={"seed": picture.headers["x-captcha-seed"]})
    assert again.content == picture.content


def test_json_and_png_of_a_seed_are_the_same_captcha(generator: httpx.Client) -> None:
    body = generator.get("/captcha", params={"seed": 8}).json()
    picture = generator.get("/captcha.png", params={"seed": 8})
    assert base64.b64decode(body["image"]) == picture.content
    assert body["text"] == picture.headers["x-captcha-text"]
    assert body["spec"] == SPEC.to_dict()


def test_a_given_text_is_drawn(generator: httpx.Client) -> None:
    answer = generator.get("/captcha.png", params={"text": "0426", "seed": 1})
    assert answer.headers["x-captcha-text"] == "0426"
    own = generator.get("/captcha.png", params={"text": "0427", "seed": 1})
    assert own.content != answer.content


def test_a_captcha_can_be_heard(generator: httpx.Client) -> None:
    answer = generator.get("/captcha.wav", params={"text": "0426", "seed": 1})
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["x-captcha-text"] == "0426"
    assert answer.content[:4] == b"RIFF"
    assert (
        generator.get("/captcha.wav", params={"text": "0426", "seed": 1}).content == answer.content
    )


def test_the_spec_says_what_is_drawn_and_with_what(generator: httpx.Client) -> None:
    body = generator.get("/captcha/spec").json()
    assert body["spec"] == SPEC.to_dict()
    assert body["fingerprint"] == SPEC.fingerprint
    assert body["drawing"]["captcha"] == "0.7.1"


def test_a_zip_and_an_npz_of_a_seed_hold_the_same_captchas(
    generator: httpx.Client, tmp_path: Path
) -> None:
    query = {"count": 70, "seed": 4}
    path = tmp_path / "dataset.npz"
    path.write_bytes(generator.get("/dataset", params=query | {"format": "npz"}).content)
    dataset = read_npz(path)
    zipped = generator.get("/dataset", params=query | {"format": "zip"}).content
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert names == [f"{text}_{index}.png" for index, text in enumerate(dataset.texts)]
        for name, image in zip(names, dataset.images, strict=True):
            assert (decode_image(archive.read(name), SPEC) == image).all()


def test_the_first_of_a_dataset_is_the_single_captcha_of_its_seed(generator: httpx.Client) -> None:
    zipped = generator.get("/dataset", params={"count": 1, "seed": 12}).content
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        (name,) = archive.namelist()
        single = generator.get("/captcha.png", params={"seed": 12})
        assert archive.read(name) == single.content
        assert name == f"{single.headers['x-captcha-text']}_0.png"


def test_a_part_of_a_dataset_is_that_part(generator: httpx.Client, tmp_path: Path) -> None:
    def fetch(start: int, count: int) -> list[str]:
        query = {"count": count, "seed": 4, "start": start, "format": "npz"}
        path = tmp_path / f"{start}.npz"
        path.write_bytes(generator.get("/dataset", params=query).content)
        return read_npz(path).texts

    assert fetch(0, 20) == fetch(0, 7) + fetch(7, 13)


def test_a_dataset_can_be_of_some_characters_alone(generator: httpx.Client, tmp_path: Path) -> None:
    path = tmp_path / "dataset.npz"
    query = {"count": 50, "seed": 4, "charset": "17"}
    path.write_bytes(generator.get("/dataset", params=query | {"format": "npz"}).content)
    dataset = read_npz(path)
    assert set("".join(dataset.texts)) == {"1", "7"}
    assert dataset.spec == replace(SPEC, charset="17")
    zipped = generator.get("/dataset", params=query).content
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        names = archive.namelist()
        assert names == [f"{text}_{index}.png" for index, text in enumerate(dataset.texts)]
        assert decode_image(archive.read(names[9]), SPEC).tolist() == dataset.images[9].tolist()
    # With all else that can be asked for.
    query |= {"start": 9, "count": 2, "drawing": "classic", "format": "npz"}
    path.write_bytes(generator.get("/dataset", params=query).content)
    part = read_npz(path)
    assert part.spec == replace(SPEC, charset="17", drawing="classic")
    assert part.texts == dataset.texts[9:11]
    assert part.images[0].tolist() != dataset.images[9].tolist()
    # What is written under a picture is what it shows.
    assert part.images[0].tolist() == draw_grey(part.spec, (), part.texts[0], 4, 9).tolist()


def test_the_documented_drawings_are_all_there_are(generator: httpx.Client) -> None:
    parameters = generator.get("/captcha/openapi.json").json()["paths"]["/dataset"]["get"][
        "parameters"
    ]
    (drawing,) = [p["schema"] for p in parameters if p["name"] == "drawing"]
    assert tuple(drawing["anyOf"][0]["enum"]) == DRAWINGS


def test_the_drawing_is_chosen_per_request(generator: httpx.Client, tmp_path: Path) -> None:
    def png(**query: object) -> bytes:
        return generator.get("/captcha.png", params={"seed": 4} | query).content

    assert png() == png(drawing="current") != png(drawing="classic")
    captcha = generator.get("/captcha", params={"seed": 4, "drawing": "classic"}).json()
    assert base64.b64decode(captcha["image"]) == png(drawing="classic")
    assert captcha["spec"] == SPEC.to_dict() | {"drawing": "classic"}
    assert captcha["text"] == generator.get("/captcha", params={"seed": 4}).json()["text"]

    query = {"count": 3, "seed": 4, "format": "npz"}
    datasets = []
    for drawing in ("current", "classic"):
        path = tmp_path / f"{drawing}.npz"
        path.write_bytes(generator.get("/dataset", params=query | {"drawing": drawing}).content)
        datasets.append(read_npz(path))
        assert datasets[-1].spec == replace(SPEC, drawing=drawing)
    assert datasets[0].texts == datasets[1].texts
    assert not np.array_equal(datasets[0].images, datasets[1].images)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/dataset", "count: Field required"),
        ("/dataset?count=0", "count: Input should be greater than or equal to 1, not '0'"),
        ("/dataset?count=1000000000", "count: Input should be less than or equal to 100000"),
        ("/dataset?count=-5", "count: Input should be greater than"),
        ("/dataset?count=many", "count: Input should be a valid integer"),
        ("/dataset?count=1&format=tar", "format: Input should be 'zip' or 'npz', not 'tar'"),
        ("/dataset?count=1&start=-1", "start: Input should be greater than"),
        ("/dataset?count=1&drawing=cubist", "drawing: Input should be 'current' or 'classic'"),
        ("/dataset?count=1&charset=1aO", "charset holds 'Oa'; this generator draws '0123456789'"),
        ("/dataset?count=1&charset=11", "charset repeats '1'"),
        ("/dataset?count=1&charset=", "charset must hold at least one character"),
        ("/captcha.png?drawing=", "drawing: Input should be 'current' or 'classic'"),
        ("/captcha?seed=-1", "seed: Input should be greater than or equal to 0"),
        ("/captcha?seed=9007199254740992", "seed: Input should be less than"),
        ("/captcha?text=12a4", "text holds 'a', which is not in the charset '0123456789'"),
        ("/captcha.png?text=123", "text has 3 characters, a captcha here has 4"),
        ("/captcha.wav?text=12345", "text has 5 characters"),
        ("/captcha?text=", "text has 0 characters"),
        ("/captcha?text=%F0%9F%98%80000", "which is not in the charset"),
    ],
)
def test_what_cannot_be_is_answered_422_with_a_sentence(
    generator: httpx.Client, path: str, sentence: str
) -> None:
    answer = generator.get(path)
    assert answer.status_code == 422
    assert sentence in answer.json()["detail"]


def test_unknown_routes_and_methods_answer_json(generator: httpx.Client) -> None:
    assert generator.get("/nothing").status_code == 404
    assert generator.get("/nothing").json() == {"detail": "Not Found"}
    assert generator.post("/captcha").status_code == 405
    assert generator.post("/captcha").json() == {"detail": "Method Not Allowed"}


def test_a_client_that_goes_away_does_not_disturb_the_next(generator: httpx.Client) -> None:
    for _ in range(12):  # more than the datasets drawn at once
        with generator.stream("GET", "/dataset", params={"count": 50_000}) as answer:
            next(answer.iter_bytes())
    assert generator.get("/captcha.png", timeout=5).status_code == 200
    assert generator.get("/dataset", params={"count": 1}, timeout=10).status_code == 200


def test_only_so_many_datasets_are_drawn_at_once(generator: httpx.Client) -> None:
    all_answered = threading.Barrier(20, timeout=60)

    def ask(_: int) -> int:
        query = {"count": 100_000, "format": "npz"}
        with generator.stream("GET", "/dataset", params=query) as answer:
            if answer.status_code == 503:
                assert answer.headers["retry-after"] == "10"
                assert "datasets are being drawn" in answer.read().decode()
            all_answered.wait()
            return answer.status_code

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(ask, range(20)))
    assert statuses.count(200) == MAX_STREAMS
    assert statuses.count(503) == 20 - MAX_STREAMS
    # Those that went away have given their places back, at once or very soon.
    eventually(
        lambda: generator.get("/dataset", params={"count": 1}).status_code == 200, 10, "a place"
    )


@pytest.mark.parametrize("kind", ["zip", "npz"])
def test_a_dataset_is_the_same_bytes_whatever_the_number_of_processes(
    generator: httpx.Client, kind: str
) -> None:
    query = {"count": 100, "seed": 31, "start": 7, "format": kind}
    settings = Settings.from_environment({"RENDER_PROCESSES": "1"})
    with running(create_app(settings, Renderer(SPEC, (), 1))) as alone:
        assert (
            alone.get("/dataset", params=query).content
            == generator.get("/dataset", params=query).content
        )


def test_what_breaks_is_json_and_says_so() -> None:
    class Broken(Renderer):
        async def png(self, text: str, seed: int, spec: CaptchaSpec | None = None) -> bytes:
            raise RuntimeError("no brush")

    settings = Settings.from_environment({"RENDER_PROCESSES": "1"})
    with running(create_app(settings, Broken(SPEC, (), 1))) as client:
        answer = client.get("/captcha")
        assert answer.status_code == 500
        assert answer.json() == {"detail": "something broke here; the log says what"}
        # uvicorn closes a connection on which something broke.
        ready = httpx.get(client.base_url.join("/ready"))
        assert "could not be drawn: no brush" in ready.json()["detail"]


def test_single_captchas_do_not_wait_for_a_dataset(generator: httpx.Client) -> None:
    def draw_dataset() -> None:
        generator.get("/dataset", params={"count": 1_500, "seed": 1})

    with ThreadPoolExecutor() as pool:
        drawing = pool.submit(draw_dataset)
        answered = 0
        while not drawing.done():
            assert generator.get("/captcha.png").status_code == 200
            answered += 1
    assert answered >= 3


def test_before_its_workers_have_drawn_it_is_not_ready() -> None:
    settings = Settings.from_environment({"RENDER_PROCESSES": "1"})
    with running(create_app(settings, Renderer(SPEC, (), 1))) as client:
        answer = client.get("/ready")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert "starting" in answer.json()["detail"]


def test_metrics_count_answers_by_declared_route_and_what_was_drawn(
    generator: httpx.Client,
) -> None:
    generator.get("/captcha.png")
    generator.get("/made-up-by-a-stranger")
    text = generator.get("/metrics").text
    assert 'generator_requests_total{route="/captcha.png",status="200"}' in text
    assert 'generator_requests_total{route="other",status="404"}' in text
    assert "made-up" not in text
    assert 'generator_captchas_rendered_total{kind="png"}' in text
