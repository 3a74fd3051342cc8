"""The contract of the inference service, held by both engines."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import pytest
from PIL import Image

from inference_service.app import create_app
from inference_service.engines import LOADERS
from inference_service.models import ModelStore
from inference_service.settings import Settings
from inference_service.uploads import Uploads
from tests.serving import eventually, running, wait_ready
from tests.shared.pictures import animated, encoded, gradient, png_that_claims

FIELDS = {"success", "prediction", "debug"}


@pytest.fixture(scope="module", params=LOADERS)
def inference(request: pytest.FixtureRequest, models: Path) -> Iterator[httpx.Client]:
    settings = Settings.from_environment(
        {"ENGINE": request.param, "MODELS_DIR": str(models.parent)}
    )
    store = ModelStore(models, partial(LOADERS[request.param], threads=2))
    with running(create_app(settings, store)) as client:
        wait_ready(client)
        yield client


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, Path]]:
    """A service without a model and without a box, and the directory where one could appear."""
    root = tmp_path_factory.mktemp("models") / "captcha"
    settings = Settings.from_environment({"MODEL_POLL_S": "0.1"})
    store = ModelStore(root, partial(LOADERS["openvino"], threads=1))
    with running(create_app(settings, store)) as client:
        yield client, root


@pytest.fixture(scope="module")
def captchas(generator: httpx.Client) -> list[dict]:
    return [generator.get("/captcha", params={"seed": seed}).json() for seed in range(100, 140)]


def post_file(client: httpx.Client, data: bytes, **options) -> httpx.Response:
    return client.post("/predict", files={"image": ("captcha.png", data, "image/png")}, **options)


def test_ping_answers_pong_to_get_and_post(inference: httpx.Client) -> None:
    assert inference.get("/ping").text == inference.post("/ping").text == "pong"


def test_a_picture_as_form_field_and_as_json_gets_the_course_answer(
    inference: httpx.Client, captchas: list[dict]
) -> None:
    right = 0
    for captcha in captchas:
        form = post_file(inference, base64.b64decode(captcha["image"]))
        as_json = inference.post("/predict", json={"image": captcha["image"]})
        # What the generator answered is posted as it is.
        as_issued = inference.post("/predict", json=captcha)
        assert form.status_code == as_json.status_code == 200
        assert form.json() == as_json.json() == as_issued.json()
        assert set(form.json()) == FIELDS
        assert form.json()["success"] is True
        assert form.json()["debug"] == "predicted"
        right += form.json()["prediction"] == captcha["text"]
    # The test model was trained for seconds; it must still clearly read.
    assert right > 0.6 * len(captchas)


def test_details_are_given_when_asked_for(inference: httpx.Client, captchas: list[dict]) -> None:
    body = inference.post("/predict?details=1", json=captchas[0]).json()
    assert set(body) == FIELDS | {"details"}
    details = body["details"]
    assert "".join(c["character"] for c in details["characters"]) == body["prediction"]
    assert all(0.1 <= c["confidence"] <= 1 for c in details["characters"])
    assert details["version"] == 1
    assert details["engine"] in LOADERS
    assert details["decode_ms"] > 0
    assert details["model_ms"] > 0


def test_base64_may_be_wrapped_or_a_data_url(inference: httpx.Client, captchas: list[dict]) -> None:
    image = captchas[0]["image"]
    plain = inference.post("/predict", json={"image": image}).json()
    wrapped = "\n".join(image[i : i + 76] for i in range(0, len(image), 76))
    for other in (wrapped, f"data:image/png;base64,{image}"):
        assert inference.post("/predict", json={"image": other}).json() == plain


def test_a_scaled_captcha_is_read_too(inference: httpx.Client, captchas: list[dict]) -> None:
    import io

    right = 0
    for captcha in captchas:
        image = Image.open(io.BytesIO(base64.b64decode(captcha["image"])))
        doubled = encoded(image.resize((320, 120), Image.Resampling.BICUBIC))
        right += post_file(inference, doubled).json()["prediction"] == captcha["text"]
    assert right > 0.5 * len(captchas)


def form_without_image(client: httpx.Client) -> httpx.Response:
    return client.post("/predict", files={"picture": b"x"})


def image_as_text_field(client: httpx.Client) -> httpx.Response:
    return client.post("/predict", files={"other": b"x"}, data={"image": "captcha.png"})


def json_bytes(content: bytes) -> object:
    def post(client: httpx.Client) -> httpx.Response:
        return client.post(
            "/predict", content=content, headers={"content-type": "application/json"}
        )

    return post


def typed(content: bytes, content_type: str) -> object:
    def post(client: httpx.Client) -> httpx.Response:
        return client.post("/predict", content=content, headers={"content-type": content_type})

    return post


def file(data: bytes) -> object:
    return lambda client: post_file(client, data)


def in_codec(codec: str) -> object:
    """A text part that Python's punycode decoder would need minutes for."""
    part = b'--b\r\nContent-Disposition: form-data; name="a-"\r\n\r\n-' + b"b" * 900_000
    return typed(part + b"\r\n--b--\r\n", f"multipart/form-data; boundary=b; charset={codec}")


LATIN1_FORM = (
    b'--b\r\nContent-Disposition: form-data; name="\xe4"; filename="\xff"\r\n\r\nx\r\n--b--\r\n'
)
PNG = encoded(gradient())
BAD = {
    "nothing at all": (lambda c: c.post("/predict"), 400, "no image received"),
    "form without image": (form_without_image, 400, "the form has no field 'image'"),
    "image as a text field": (image_as_text_field, 400, "the field 'image' is text"),
    "empty file": (file(b""), 400, "the image is empty"),
    "empty json": (json_bytes(b""), 400, "Invalid JSON"),
    "broken json": (json_bytes(b'{"image": '), 400, "Invalid JSON"),
    "json list": (json_bytes(b"[]"), 400, "request: Input should be an object"),
    "json without image": (json_bytes(b"{}"), 400, "image: Field required"),
    "image is a number": (
        json_bytes(b'{"image": 5}'),
        400,
        "image: Input should be a valid string",
    ),
    "image is null": (json_bytes(b'{"image": null}'), 400, "image: Input should be a valid string"),
    "deep json": (json_bytes(b"[" * 50_000), 400, "Invalid JSON"),
    "json of invalid utf-8": (json_bytes(b'{"image": "\xff"}'), 400, "Invalid JSON"),
    "broken base64": (json_bytes(b'{"image": "%%%%"}'), 400, "the image is not base64"),
    "base64 of wrong length": (json_bytes(b'{"image": "abcde"}'), 400, "the image is not base64"),
    "base64 with umlauts": (json_bytes('{"image": "äöü"}'.encode()), 400, "not base64"),
    "empty base64": (json_bytes(b'{"image": ""}'), 400, "the image is empty"),
    "base64 of no image": (json_bytes(b'{"image": "aGVsbG8="}'), 422, "this is not an image"),
    "text": (typed(b"hello", "text/plain"), 415, "cannot take text/plain"),
    "raw png": (typed(PNG, "image/png"), 415, "cannot take image/png"),
    "url-encoded form": (
        typed(b"image=x", "application/x-www-form-urlencoded"),
        415,
        "cannot take",
    ),
    "form without boundary": (typed(b"x", "multipart/form-data"), 400, "form cannot be read"),
    "form that is none": (typed(b"x" * 99, "multipart/form-data; boundary=b"), 400, "form"),
    "form in a codec that fails": (in_codec("undefined"), 400, "no field 'image'"),
    "form in a codec that takes minutes": (in_codec("punycode"), 400, "no field 'image'"),
    "form that is not utf-8": (typed(LATIN1_FORM, "multipart/form-data; boundary=b"), 400, "form"),
    "a long type": (typed(b"x", "text/" + "x" * 5_000), 415, "cannot take text/xxx"),
    "not an image": (file(b"hello, I am a text"), 422, "this is not an image"),
    "a program": (file(b"\x7fELF" + bytes(500)), 422, "this is not an image"),
    "truncated png": (file(PNG[: len(PNG) // 2]), 422, "cut off"),
    "png without pixels": (file(PNG[:33]), 422, "cut off"),
    "animated gif": (file(animated("gif")), 422, "animated"),
    "animated png": (file(animated("png")), 422, "animated"),
    "20,000 x 20,000 pixels": (file(png_that_claims(20_000, 20_000)), 413, "pixels"),
    "1,200 x 1,000 pixels": (file(png_that_claims(1_200, 1_000)), 413, "1200x1000 pixels"),
    "10 MB": (file(os.urandom(10_000_000)), 413, "more than the 1,000,000 bytes"),
    "10 MB of json": (
        json_bytes(b'{"image": "' + b"A" * 10_000_000 + b'"}'),
        413,
        "more than the 1,000,000",
    ),
    "another size": (file(encoded(Image.new("L", (60, 160)))), 422, "60x160; expected 160x60"),
    "tiff": (file(encoded(gradient(), "tiff")), 422, "this is not an image in PNG"),
    "a wrong option": (lambda c: c.post("/predict?details=perhaps"), 422, "details: "),
    "get": (lambda c: c.get("/predict"), 405, "Method Not Allowed"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_keeps_the_three_fields_with_a_true_status(
    inference: httpx.Client, captchas: list[dict], case: str
) -> None:
    before = inference.post("/predict", json=captchas[0]).json()
    post, status, sentence = BAD[case]
    began = time.monotonic()
    answer = post(inference)
    assert time.monotonic() - began < 2
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == FIELDS
    assert (body["success"], body["prediction"]) == (False, "")
    assert len(body["debug"]) > 10
    assert sentence in body["debug"]
    # One bad request never affects another.
    assert inference.post("/predict", json=captchas[0]).json() == before


def test_a_body_of_unknown_length_is_cut_off_at_the_limit(inference: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(200):
            yield bytes(100_000)

    answer = inference.post(
        "/predict", content=endless(), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413
    assert set(answer.json()) == FIELDS


def test_uploads_are_bounded_in_time_and_number(models: Path, captchas: list[dict]) -> None:
    settings = Settings.from_environment({})
    store = ModelStore(models, partial(LOADERS["openvino"], threads=1))
    uploads = Uploads(max_bytes_in_flight=1_500_000, timeout_s=3.0)

    def trickle(seconds: float) -> Iterator[bytes]:
        yield bytes(900_000)
        time.sleep(seconds)
        yield b"x"

    def send(client: httpx.Client, seconds: float) -> httpx.Response:
        headers = {"content-type": "application/json"}
        return client.post("/predict", content=trickle(seconds), headers=headers)

    with running(create_app(settings, store, uploads)) as client, ThreadPoolExecutor(2) as pool:
        wait_ready(client)
        late = send(client, 3.5)
        assert late.status_code == 408
        assert "did not arrive within 3 s" in late.json()["debug"]
        statuses = sorted(r.status_code for r in pool.map(lambda _: send(client, 0.5), range(2)))
        assert statuses == [400, 503]
        assert client.post("/predict", json=captchas[0]).status_code == 200


def test_what_waits_to_be_read_counts_against_the_limit_too(
    models: Path, captchas: list[dict]
) -> None:
    class Slow(LOADERS["openvino"]):  # type: ignore[misc]
        def predict(self, images):
            time.sleep(1.0)
            return super().predict(images)

    settings = Settings.from_environment({"INFERENCE_THREADS": "1"})
    store = ModelStore(models, partial(Slow, threads=1))
    uploads = Uploads(max_bytes_in_flight=1_500_000)
    large = {"image": "A" * 900_000}
    with (
        running(create_app(settings, store, uploads)) as client,
        ThreadPoolExecutor(3) as pool,
    ):
        wait_ready(client)
        busy = pool.submit(client.post, "/predict", json=captchas[0])
        time.sleep(0.3)
        waiting = [pool.submit(client.post, "/predict", json=large) for _ in range(2)]
        assert sorted(answer.result().status_code for answer in waiting) == [422, 503]
        assert busy.result().status_code == 200
        # All of it is given back.
        assert client.post("/predict", json=large).status_code == 422


def test_a_client_that_goes_away_is_not_our_error(inference: httpx.Client) -> None:
    url = inference.base_url
    for _ in range(3):
        with socket.create_connection((url.host, url.port)) as connection:
            connection.sendall(
                b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: 5000\r\n\r\n{"
            )
            time.sleep(0.1)
    time.sleep(0.3)
    assert 'route="/predict",status="500"' not in inference.get("/metrics").text


def test_details_of_one_request_never_leak_into_the_next(
    inference: httpx.Client, captchas: list[dict]
) -> None:
    def ask(i: int) -> bool:
        path = "/predict?details=1" if i % 2 else "/predict"
        return ("details" in inference.post(path, json=captchas[i % 40]).json()) == bool(i % 2)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(200)))


def test_simultaneous_requests_get_their_own_answers(
    inference: httpx.Client, captchas: list[dict]
) -> None:
    expected = [inference.post("/predict", json=c).json()["prediction"] for c in captchas]

    def ask(i: int) -> bool:
        answer = inference.post("/predict", json=captchas[i % 40]).json()
        return bool(answer["prediction"] == expected[i % 40])

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(400)))


def test_requests_that_arrive_together_are_read_together(
    inference: httpx.Client, captchas: list[dict]
) -> None:
    limit = LOADERS[inference.get("/model").json()["engine"]].preferred_batch
    alone = [inference.post("/predict", json=captcha).json()["prediction"] for captcha in captchas]
    bad = {"image": "aGVsbG8="}

    def ask(i: int) -> int:
        answer = inference.post("/predict?details=1", json=bad if i % 7 == 0 else captchas[i % 40])
        if i % 7 == 0:
            assert answer.status_code == 422, "one bad image fails alone"
            return 0
        assert answer.json()["prediction"] == alone[i % 40]
        return int(answer.json()["details"]["batch"])

    with ThreadPoolExecutor(24) as pool:
        batches = list(pool.map(ask, range(400)))
    assert 2 <= max(batches) <= limit


def test_an_answer_carries_the_id_of_its_request(inference: httpx.Client) -> None:
    given = inference.get("/ping", headers={"X-Request-ID": "client-7"})
    assert given.headers["x-request-id"] == "client-7"
    made = [inference.post("/predict").headers["x-request-id"] for _ in range(2)]
    assert made[0] != made[1]


def test_a_refused_version_is_told_in_model_metrics_and_log(
    models: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "captcha"
    shutil.copytree(models, root)
    (root / "2").mkdir()
    settings = Settings.from_environment({"MODEL_POLL_S": "0.05"})
    store = ModelStore(root, partial(LOADERS["openvino"], threads=1))
    with running(create_app(settings, store)) as client:
        wait_ready(client)
        assert client.get("/model").json()["refused"] == {"2": "no manifest.json"}
        metrics = client.get("/metrics").text
        assert 'inference_model_refused{reason="no manifest.json",version="2"} 1.0' in metrics
        assert "inference_model_refusals_total 1.0" in metrics
        assert "inference_model_swaps_total 1.0" in metrics
    assert "version 2 refused: no manifest.json" in caplog.text


def test_if_all_versions_are_refused_every_route_that_needs_one_says_why(tmp_path: Path) -> None:
    (tmp_path / "3").mkdir()
    settings = Settings.from_environment({"MODEL_POLL_S": "0.05"})
    store = ModelStore(tmp_path, partial(LOADERS["openvino"], threads=1))
    with running(create_app(settings, store)) as client:
        eventually(lambda: store.refused, 10, "it is refused")
        for answer in (client.get("/model"), client.get("/ready")):
            assert answer.status_code == 503
            assert answer.json()["detail"] == "no model: version 3 is refused: no manifest.json"
        assert "version 3 is refused" in client.post("/predict").json()["debug"]


def test_model_tells_version_spec_metrics_and_engine(inference: httpx.Client) -> None:
    body = inference.get("/model").json()
    assert body["version"] == 1
    assert body["engine"] in LOADERS
    assert body["spec"] == {"charset": "0123456789", "length": 4, "width": 160, "height": 60}
    assert body["source"] == "volume"
    assert body["metrics"]["n"] == 200
    assert body["refused"] == {}


def test_metrics_tell_requests_and_version(inference: httpx.Client, captchas: list[dict]) -> None:
    inference.post("/predict", json=captchas[0])
    text = inference.get("/metrics").text
    assert 'inference_requests_total{route="/predict",status="200"}' in text
    assert "inference_model_version 1.0" in text
    assert "inference_waiting 0.0" in text


def test_unknown_routes_answer_json(inference: httpx.Client) -> None:
    assert inference.get("/nothing").json() == {"detail": "Not Found"}


def test_the_api_document_shows_both_ways_to_send_an_image(inference: httpx.Client) -> None:
    operation = inference.get("/openapi.json").json()["paths"]["/predict"]["post"]
    assert set(operation["requestBody"]["content"]) == {"multipart/form-data", "application/json"}
    assert {"200", "400", "413", "415", "422", "503"} <= set(operation["responses"])


def test_without_a_model_it_lives_but_is_not_ready_and_then_heals(
    empty: tuple[httpx.Client, Path], models: Path, captchas: list[dict]
) -> None:
    client, root = empty
    assert client.get("/ping").text == "pong"
    for answer in (client.get("/ready"), client.get("/model")):
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"
        assert "the first training" in answer.json()["detail"]
    answer = client.post("/predict", json=captchas[0])
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert set(answer.json()) == FIELDS
    assert "inference_model_version -1.0" in client.get("/metrics").text

    shutil.copytree(models, root)
    wait_ready(client, 20)
    assert client.get("/ready").json() == {"status": "ready", "version": 1}
    assert client.post("/predict", json=captchas[0]).json()["success"] is True


def test_until_a_version_is_published_every_route_tells_of_the_one_in_the_box(
    models: Path, captchas: list[dict], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    root = tmp_path / "captcha"
    settings = Settings.from_environment({"MODEL_POLL_S": "0.1"})
    store = ModelStore(root, partial(LOADERS["openvino"], threads=1), box=settings.box)
    with running(create_app(settings, store)) as client:
        assert client.get("/ready").json() == {"status": "ready", "version": 0}
        model = client.get("/model").json()
        assert (model["version"], model["source"], model["refused"]) == (0, "box", {})
        assert {"accuracy", "n"} <= set(model["metrics"])
        assert "seed" in model["config"]
        answer = client.post("/predict?details=1", json=captchas[0]).json()
        assert (answer["success"], answer["details"]["version"]) == (True, 0)
        assert "inference_model_version 0.0" in client.get("/metrics").text
        assert "version 0 answers" in caplog.text

        shutil.copytree(models, root)
        eventually(lambda: client.get("/ready").json()["version"] == 1, 20, "version 1 answers")
        assert client.get("/model").json()["source"] == "volume"


def test_a_full_queue_answers_at_once(models: Path, captchas: list[dict]) -> None:
    class Slow(LOADERS["openvino"]):  # type: ignore[misc]
        def predict(self, images):
            time.sleep(0.8)
            return super().predict(images)

    settings = Settings.from_environment({"MAX_WAITING": "2", "INFERENCE_THREADS": "1"})
    store = ModelStore(models, partial(Slow, threads=1))
    with running(create_app(settings, store)) as client, ThreadPoolExecutor(12) as pool:
        wait_ready(client)
        answers = list(pool.map(lambda c: client.post("/predict", json=c), captchas[:12]))
        metrics = client.get("/metrics").text
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {200, 503}
    refused = answers[statuses.index(503)]
    assert refused.headers["retry-after"] == "1"
    assert set(json.loads(refused.text)) == FIELDS
    assert refused.elapsed.total_seconds() < 0.6
    assert f"inference_queue_full_total {statuses.count(503)}.0" in metrics


def test_a_bug_is_a_500_with_the_id_under_which_the_log_has_it(
    models: Path, captchas: list[dict], caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(LOADERS["openvino"]):  # type: ignore[misc]
        calls = 0

        def predict(self, images):
            self.calls += 1
            if self.calls > 1:  # the first is the golden captcha
                raise MemoryError("the engine is out of memory")
            return super().predict(images)

    settings = Settings.from_environment({"MODEL_POLL_S": "60"})
    store = ModelStore(models, partial(Broken, threads=1))
    with running(create_app(settings, store)) as client:
        wait_ready(client)
        answer = client.post("/predict", json=captchas[0], headers={"X-Request-ID": "bug-1"})
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] == "bug-1"
    assert set(answer.json()) == FIELDS
    assert "the engine is out of memory" in caplog.text
