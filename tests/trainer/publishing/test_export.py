"""An exported model predicts as the trained one, in both engines."""

from __future__ import annotations

import base64
import io
import math
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from PIL import Image

from inference_service.engines import OpenVinoEngine
from shared.captchas.spec import CaptchaSpec
from trainer.config import NetworkName
from trainer.data.splits import Split
from trainer.networks import build_recogniser
from trainer.networks.tta import add_test_time_augmentation
from trainer.publishing.export import (
    KERAS_MODEL,
    build_golden_sample,
    export,
    load_exported,
    save_keras_model,
)

SPEC = CaptchaSpec("abc", length=2, width=32, height=16)
IMAGES = np.random.default_rng(2).integers(256, size=(3, 16, 32), dtype=np.uint8)


@pytest.mark.parametrize("views", [1, 2])
def test_an_exported_model_predicts_alike_in_both_engines(tmp_path: Path, views: int) -> None:
    keras.utils.set_random_seed(1)
    model = add_test_time_augmentation(build_recogniser("compact", SPEC), views)
    export(model, SPEC, tmp_path)
    expected = model(IMAGES).numpy()
    predict = load_exported(tmp_path)
    assert predict(IMAGES) == pytest.approx(expected, abs=1e-5)
    assert predict(IMAGES[:1]).shape == (1, 2, 3)
    engine = OpenVinoEngine(tmp_path, SPEC)
    assert engine.predict(IMAGES) == pytest.approx(expected, abs=1e-4)


def test_each_variable_is_stored_once(tmp_path: Path) -> None:
    model = build_recogniser("compact", SPEC)
    export(model, SPEC, tmp_path)
    checkpoint = tf.train.load_checkpoint(str(tmp_path / "variables" / "variables"))
    shapes = checkpoint.get_variable_to_shape_map()
    counts = [math.prod(shape) for name, shape in shapes.items() if "VARIABLE_VALUE" in name]
    assert sum(counts) == model.count_params()


@pytest.mark.parametrize("network", ["compact", "medium", "course"])
@pytest.mark.parametrize("views", [1, 2])
def test_the_keras_model_predicts_alike_and_can_be_trained_further(
    tmp_path: Path, network: NetworkName, views: int
) -> None:
    keras.utils.set_random_seed(1)
    spec = CaptchaSpec("abc", length=2, width=40, height=20)
    images = np.random.default_rng(2).integers(256, size=(8, 20, 40), dtype=np.uint8)
    recogniser = build_recogniser(network, spec, (60, 30))
    expected = recogniser(images).numpy()
    model = add_test_time_augmentation(recogniser, views)
    model.compile("adam", "categorical_crossentropy")
    save_keras_model(model, tmp_path)
    loaded = keras.models.load_model(tmp_path / KERAS_MODEL)
    assert loaded(images).numpy() == pytest.approx(expected, abs=1e-6)
    assert not loaded.compiled
    loaded.compile("adam", "categorical_crossentropy")
    loaded.fit(images, np.tile(np.eye(3, dtype=np.float32)[:2], (8, 1, 1)), verbose=0)
    assert np.abs(loaded(images).numpy() - expected).max() > 1e-6


def build_dropout() -> keras.Model:
    """Build a network that predicts something else while it is trained."""
    images = layers.Input((SPEC.height, SPEC.width), dtype="uint8")
    x = layers.Dropout(0.5)(layers.Flatten()(layers.Rescaling(1 / 255)(images)))
    x = layers.Reshape((2, 3))(layers.Dense(6)(x))
    return keras.Model(images, layers.Softmax()(x))


def test_the_exported_model_is_not_in_training_mode(tmp_path: Path) -> None:
    model = build_dropout()
    export(model, SPEC, tmp_path)
    assert load_exported(tmp_path)(IMAGES) == pytest.approx(model(IMAGES).numpy(), abs=1e-6)


def test_the_signature_has_the_names_and_shapes_of_the_contract(tmp_path: Path) -> None:
    export(build_dropout(), SPEC, tmp_path)
    signature = tf.saved_model.load(str(tmp_path)).signatures["serving_default"]
    (images,) = signature.structured_input_signature[1].values()
    assert (images.name, images.dtype, images.shape.as_list()) == (
        "images",
        tf.uint8,
        [None, 16, 32],
    )
    (output,) = signature.structured_outputs.items()
    assert (output[0], output[1].dtype) == ("probabilities", tf.float32)
    assert output[1].shape.as_list() == [None, 2, 3]


def test_nothing_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export(build_dropout(), SPEC, tmp_path)
    assert capsys.readouterr().out == ""


def test_the_golden_sample_is_the_first_captcha_with_its_prediction() -> None:
    probabilities = np.array([[[0.1, 0.2, 0.7], [0.5, 0.25, 0.25]]], np.float32)
    seen = []

    def predict(images: np.ndarray) -> np.ndarray:
        seen.append(images)
        return probabilities

    golden = build_golden_sample(predict, Split(SPEC, IMAGES, np.zeros((3, 2), np.int32)))
    assert np.array_equal(np.concatenate(seen), IMAGES[:1])
    with Image.open(io.BytesIO(base64.b64decode(golden.image))) as image:
        assert (image.format, image.mode) == ("PNG", "L")
        assert np.array_equal(np.asarray(image), IMAGES[0])
    assert golden.text == "ca"
    assert golden.probabilities == probabilities[0].tolist()


def test_the_text_of_the_golden_sample_is_the_most_likely_one_that_the_spec_allows() -> None:
    spec = CaptchaSpec("ab", length=2, width=32, height=16, min_length=1)
    probabilities = np.array([[[0.4, 0.1, 0.5], [0.05, 0.05, 0.9]]], np.float32)
    split = Split(spec, IMAGES, np.zeros((3, 2), np.int32))
    assert build_golden_sample(lambda _: probabilities, split).text == "a"
