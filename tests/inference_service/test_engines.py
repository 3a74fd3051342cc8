"""Both engines; the only tests that import TensorFlow, which takes seconds."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest

from inference_service.app import create_app
from inference_service.engines import ENGINES, Engine, TensorFlowEngine
from inference_service.errors import EngineError
from inference_service.models.model_loading import load_version
from inference_service.models.model_store import ModelStore
from inference_service.settings import Settings
from shared.captchas.images import decode_image
from shared.captchas.labels import best_indices, decode
from shared.captchas.restriction import Restriction
from shared.captchas.spec import CaptchaSpec
from shared.versions.artifacts import SIGNATURE_INPUT, SIGNATURE_OUTPUT, publish, read_manifest
from shared.versions.bundled_model import BUNDLED_MODEL
from shared.versions.manifest import GoldenSample
from tests.inference_service.captchas import Captcha, draw, draw_captchas, stack
from tests.serving import running, wait_ready
from tests.shared.sample_manifest import sample_draft

BUNDLED = BUNDLED_MODEL / "0"
SPEC = read_manifest(BUNDLED).captcha_spec
SHAPE = (SPEC.length, SPEC.classes)
VARIABLE_LENGTH = CaptchaSpec("ABC", length=5, min_length=2, width=120, height=40)

both_engines = pytest.mark.parametrize("name", ENGINES)


@pytest.fixture(scope="module")
def engines() -> dict[str, Engine]:
    """Return both engines with the bundled model, whatever it predicts."""
    return {name: ENGINES[name](BUNDLED, SPEC) for name in ENGINES}


@pytest.fixture(scope="module")
def captchas() -> list[Captcha]:
    """Return images of the bundled model's size; what it predicts for them does not matter."""
    return draw_captchas(SPEC, seed=100, count=200)


def serve(engines: dict[str, Engine], name: str, directory: Path) -> Iterator[httpx.Client]:
    store = ModelStore(directory, lambda *_: engines[name], bundled_model=BUNDLED_MODEL)
    with running(create_app(Settings.load(engine=name), store)) as client:
        wait_ready(client)
        yield client


@pytest.fixture(scope="module")
def tensorflow_client(
    engines: dict[str, Engine], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    yield from serve(engines, "tensorflow", tmp_path_factory.mktemp("none"))


@pytest.fixture(scope="module")
def openvino_client(
    engines: dict[str, Engine], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    yield from serve(engines, "openvino", tmp_path_factory.mktemp("none"))


def test_the_engines_agree(engines: dict[str, Engine], captchas: list[Captcha]) -> None:
    golden = base64.b64decode(read_manifest(BUNDLED).golden.image)
    images = np.concatenate((stack(captchas), decode_image(golden, SPEC)[np.newaxis]))
    openvino, tensorflow = (engine.predict(images) for engine in engines.values())
    assert openvino.shape == (201, *SHAPE)
    assert openvino.dtype == tensorflow.dtype == np.float32
    assert np.abs(openvino - tensorflow).max() < 1e-4


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
    assert engines[name].predict(stack(captchas[:count])).shape == (count, *SHAPE)


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
        ENGINES[name](tmp_path, SPEC)


@both_engines
def test_a_model_of_another_image_size_is_an_engine_error(name: str) -> None:
    with pytest.raises(EngineError):
        ENGINES[name](BUNDLED, replace(SPEC, width=128, height=64))


@both_engines
def test_a_model_of_another_output_shape_is_an_engine_error(name: str) -> None:
    spec = replace(SPEC, charset=SPEC.charset[:-2])
    message = f"output has shape {SHAPE}, its spec requires {(spec.length, spec.classes)}"
    with pytest.raises(EngineError, match=re.escape(message)):
        ENGINES[name](BUNDLED, spec)


@both_engines
def test_the_bundled_model_passes_the_golden_check(engines: dict[str, Engine], name: str) -> None:
    assert load_version(BUNDLED, lambda *_: engines[name]).engine.name == name


def test_tensorflow_serves_predictions_with_details(
    tensorflow_client: httpx.Client, openvino_client: httpx.Client, captchas: list[Captcha]
) -> None:
    assert tensorflow_client.get("/model").json()["engine"] == "tensorflow"
    for captcha in captchas[:20]:
        body = tensorflow_client.post("/predict?details=1", json=captcha.json).json()
        assert body.pop("details")["engine"] == "tensorflow"
        assert body == openvino_client.post("/predict", json=captcha.json).json()


def test_tensorflow_predicts_parallel_requests_in_batches(
    tensorflow_client: httpx.Client, openvino_client: httpx.Client, captchas: list[Captcha]
) -> None:
    client = openvino_client
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
def variable_length_version(tmp_path_factory: pytest.TempPathFactory) -> Path:
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
    captcha = draw("ABC", VARIABLE_LENGTH)
    probabilities = network.serve(captcha.image[np.newaxis])[SIGNATURE_OUTPUT].numpy()
    golden = GoldenSample(
        image=base64.b64encode(captcha.png).decode(),
        text=decode(best_indices(probabilities, VARIABLE_LENGTH), VARIABLE_LENGTH)[0],
        probabilities=probabilities[0].tolist(),
    )
    draft = sample_draft(spec=VARIABLE_LENGTH.to_dict(), golden=golden)
    versions = tmp_path_factory.mktemp("variable_length") / "captcha"
    publish(saved_model, versions, draft)
    return versions / "1"


@both_engines
def test_texts_of_variable_length_match_the_spec(variable_length_version: Path, name: str) -> None:
    model = load_version(variable_length_version, ENGINES[name])
    rng = np.random.default_rng(1)
    shape = (200, VARIABLE_LENGTH.height, VARIABLE_LENGTH.width)
    images = rng.integers(0, 256, shape, dtype=np.uint8)
    predictions = model.predict(images, [Restriction.from_spec(VARIABLE_LENGTH)] * len(images))
    probabilities = model.engine.predict(images)
    best = best_indices(probabilities, VARIABLE_LENGTH)
    assert [p.text for p in predictions] == decode(best, VARIABLE_LENGTH)
    assert {len(p.text) for p in predictions} == {2, 3, 4, 5}
    for prediction in predictions:
        VARIABLE_LENGTH.check_text(prediction.text)
        assert len(prediction.confidences) == len(prediction.text)
        # The confidence includes that the text ends where it ends.
        assert 0 < prediction.confidence < prediction.confidences.prod()
