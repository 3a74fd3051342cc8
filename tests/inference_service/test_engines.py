"""Both engines; the only tests that import TensorFlow, which takes seconds."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import pytest

from inference_service.app import create_app
from inference_service.engines import ENGINES, Engine, OpenVinoEngine, TensorFlowEngine
from inference_service.errors import EngineError
from inference_service.model_loading import load_version
from inference_service.model_store import ModelStore
from inference_service.settings import Settings
from shared.artifacts import SIGNATURE_INPUT, SIGNATURE_OUTPUT, publish
from shared.labels import best_indices, decode
from shared.manifest import GoldenSample
from shared.spec import CaptchaSpec
from tests.inference_service.captchas import Captcha, render_captchas, stack
from tests.inference_service.versions import draft_of
from tests.serving import running, wait_ready

SPEC = CaptchaSpec()
VARIABLE_LENGTH = CaptchaSpec("ABC", length=5, min_length=2, width=120, height=40)

both_engines = pytest.mark.parametrize("name", ENGINES)


@pytest.fixture(scope="module")
def engines(models: Path, openvino: OpenVinoEngine) -> dict[str, Engine]:
    return {"openvino": openvino, "tensorflow": TensorFlowEngine(models / "1", SPEC, threads=2)}


@pytest.fixture(scope="module")
def tensorflow_client(models: Path, engines: dict[str, Engine]) -> Iterator[httpx.Client]:
    store = ModelStore(models, lambda *_: engines["tensorflow"])
    with running(create_app(Settings.load(engine="tensorflow"), store)) as client:
        wait_ready(client)
        yield client


def test_the_engines_agree(engines: dict[str, Engine], captchas: list[Captcha]) -> None:
    openvino, tensorflow = (engine.predict(stack(captchas)) for engine in engines.values())
    assert openvino.shape == (200, 4, 10)
    assert openvino.dtype == tensorflow.dtype == np.float32
    assert np.abs(openvino - tensorflow).max() < 1e-4
    texts = decode(openvino.argmax(-1), SPEC)
    assert texts == decode(tensorflow.argmax(-1), SPEC)
    correct = sum(text == c.text for text, c in zip(texts, captchas, strict=True))
    assert correct >= 196


@both_engines
def test_an_image_gets_the_same_prediction_alone_and_in_a_batch(
    engines: dict[str, Engine], captchas: list[Captcha], name: str
) -> None:
    images = stack(captchas[:5])
    together = engines[name].predict(images)
    alone = np.concatenate([engines[name].predict(images[i : i + 1]) for i in range(5)])
    assert np.abs(together - alone).max() < 1e-5


@both_engines
@pytest.mark.parametrize("count", [1, 2, 3, 7, 33])
def test_a_batch_can_have_any_size(
    engines: dict[str, Engine], captchas: list[Captcha], name: str, count: int
) -> None:
    assert engines[name].predict(stack(captchas[:count])).shape == (count, 4, 10)


@both_engines
def test_threads_get_their_own_predictions(
    engines: dict[str, Engine], captchas: list[Captcha], name: str
) -> None:
    engine, images = engines[name], stack(captchas)
    expected = engine.predict(images).argmax(-1)

    def predict(i: int) -> bool:
        row = i % len(images)
        return bool((engine.predict(images[row : row + 1])[0].argmax(-1) == expected[row]).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(predict, range(800)))


@both_engines
def test_a_file_that_is_not_a_saved_model_is_an_engine_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"not a graph")
    with pytest.raises(EngineError):
        ENGINES[name](tmp_path, SPEC, threads=1)


@both_engines
def test_a_model_of_another_image_size_is_an_engine_error(models: Path, name: str) -> None:
    with pytest.raises(EngineError):
        ENGINES[name](models / "1", CaptchaSpec(width=128, height=64), threads=1)


@both_engines
def test_a_model_of_another_output_shape_is_an_engine_error(models: Path, name: str) -> None:
    with pytest.raises(EngineError, match=r"output has shape \(4, 10\), its spec requires \(4, 8"):
        ENGINES[name](models / "1", CaptchaSpec("01234567"), threads=1)


@both_engines
def test_the_bundled_model_passes_the_golden_check(
    models: Path, engines: dict[str, Engine], name: str
) -> None:
    assert load_version(models / "1", lambda *_: engines[name]).engine.name == name


def test_tensorflow_serves_predictions_with_details(
    tensorflow_client: httpx.Client, client: httpx.Client, captchas: list[Captcha]
) -> None:
    assert tensorflow_client.get("/model").json()["engine"] == "tensorflow"
    for captcha in captchas[:20]:
        body = tensorflow_client.post("/predict?details=1", json=captcha.json).json()
        assert body.pop("details")["engine"] == "tensorflow"
        assert body == client.post("/predict", json=captcha.json).json()


def test_tensorflow_predicts_parallel_requests_in_batches(
    tensorflow_client: httpx.Client, client: httpx.Client, captchas: list[Captcha]
) -> None:
    expected = [client.post("/predict", json=c.json).json()["prediction"] for c in captchas[:40]]
    invalid = {"image": "aGVsbG8="}

    def post(i: int) -> int:
        if i % 7 == 0:
            assert tensorflow_client.post("/predict", json=invalid).status_code == 422
            return 0
        path = "/predict?details=1" if i % 2 else "/predict"
        response = tensorflow_client.post(path, json=captchas[i % 40].json)
        assert response.status_code == 200, response.text
        body = response.json()
        assert body["prediction"] == expected[i % 40]
        assert ("details" in body) == bool(i % 2)
        return int(body.get("details", {"batch_size": 1})["batch_size"])

    with ThreadPoolExecutor(24) as pool:
        batch_sizes = list(pool.map(post, range(400)))
    assert 2 <= max(batch_sizes) <= TensorFlowEngine.preferred_batch_size


@pytest.fixture(scope="module")
def variable_length_version(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a version with random weights: its texts are random, but have every length."""
    import tensorflow as tf

    class Network(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            rng = np.random.default_rng(3)
            outputs = VARIABLE_LENGTH.length * VARIABLE_LENGTH.classes
            weights = rng.normal(0, 0.02, (VARIABLE_LENGTH.height * VARIABLE_LENGTH.width, outputs))
            self.weights = tf.Variable(weights.astype(np.float32))

        @tf.function(
            input_signature=[
                tf.TensorSpec(
                    (None, VARIABLE_LENGTH.height, VARIABLE_LENGTH.width),
                    tf.uint8,
                    name=SIGNATURE_INPUT,
                )
            ]
        )
        def serve(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
            pixels = tf.cast(images, tf.float32) / 255.0 - 0.5
            flat = tf.reshape(pixels, (-1, VARIABLE_LENGTH.height * VARIABLE_LENGTH.width))
            shape = (-1, VARIABLE_LENGTH.length, VARIABLE_LENGTH.classes)
            logits = tf.reshape(flat @ self.weights, shape)
            return {SIGNATURE_OUTPUT: tf.nn.softmax(logits)}

    network = Network()
    saved_model = tmp_path_factory.mktemp("saved_model")
    tf.saved_model.save(network, str(saved_model), signatures=network.serve)
    (captcha,) = render_captchas(VARIABLE_LENGTH, seed=1, count=1)
    probabilities = network.serve(captcha.image[np.newaxis])[SIGNATURE_OUTPUT].numpy()
    golden = GoldenSample(
        image=base64.b64encode(captcha.png).decode(),
        text=decode(best_indices(probabilities, VARIABLE_LENGTH), VARIABLE_LENGTH)[0],
        probabilities=probabilities[0].tolist(),
    )
    draft = draft_of(models / "1", spec=VARIABLE_LENGTH.to_dict(), golden=golden.model_dump())
    versions = tmp_path_factory.mktemp("variable_length") / "captcha"
    publish(saved_model, versions, draft)
    return versions / "1"


@both_engines
def test_texts_of_variable_length_match_the_spec(variable_length_version: Path, name: str) -> None:
    model = load_version(variable_length_version, partial(ENGINES[name], threads=1))
    rng = np.random.default_rng(1)
    shape = (200, VARIABLE_LENGTH.height, VARIABLE_LENGTH.width)
    images = rng.integers(0, 256, shape, dtype=np.uint8)
    predictions = model.predict(images)
    probabilities = model.engine.predict(images)
    best = best_indices(probabilities, VARIABLE_LENGTH)
    assert [p.text for p in predictions] == decode(best, VARIABLE_LENGTH)
    assert {len(p.text) for p in predictions} == {2, 3, 4, 5}
    for prediction, rows in zip(predictions, probabilities, strict=True):
        length = len(prediction.text)
        VARIABLE_LENGTH.check_text(prediction.text)
        assert len(prediction.confidences) == length
        # The confidence includes that the text ends where it ends.
        expected = prediction.confidences.prod() * rows[length:, -1].prod()
        assert prediction.confidence == pytest.approx(expected, rel=1e-4)
