"""The temperature is found, is applied to the classifier, and the calibration error is right."""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt
import pytest

from shared.captchas.spec import CaptchaSpec
from trainer.evaluation.calibration import apply_temperature, fit_temperature, measure_calibration
from trainer.networks import build_recogniser
from trainer.networks.tta import add_test_time_augmentation


def softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    exponents = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return (exponents / exponents.sum(axis=-1, keepdims=True)).astype(np.float32)


def soften(probabilities: npt.NDArray[np.float32], temperature: float) -> npt.NDArray[np.float32]:
    return softmax(np.log(probabilities) / temperature)


def fit(probabilities: npt.NDArray[np.float32], labels: npt.NDArray[np.integer]) -> float:
    spec = CaptchaSpec("0123456789"[: probabilities.shape[2]], probabilities.shape[1])
    is_correct = (probabilities.argmax(axis=2) == labels).all(axis=1)
    return fit_temperature(probabilities, is_correct, spec)


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 2.5])
def test_the_temperature_of_labels_drawn_from_softened_logits_is_found(
    true_temperature: float,
) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (4_000, 2, 5))
    truth = softmax(logits / true_temperature)
    labels = (truth.cumsum(axis=-1) < rng.random((4_000, 2, 1))).sum(axis=-1).astype(np.int32)
    assert fit(softmax(logits), np.minimum(labels, 4)) == pytest.approx(true_temperature, rel=0.08)


def test_the_confidence_is_right_if_the_characters_of_a_text_are_wrong_together() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(10, size=(4_000, 5))
    is_hard = rng.random(4_000) < 0.3
    shown = np.where(is_hard[:, np.newaxis], (labels + 1) % 10, labels)
    probabilities = softmax(rng.normal(0, 0.3, (4_000, 5, 10)) + 3.5 * np.eye(10)[shown])
    confidences = soften(probabilities, fit(probabilities, labels)).max(axis=2).prod(axis=1)
    assert probabilities.max(axis=2).prod(axis=1).mean() < 0.4
    assert confidences.mean() == pytest.approx(0.7, abs=0.02)


def test_a_few_correct_captchas_do_not_make_a_calibrated_model_more_certain() -> None:
    rng = np.random.default_rng(0)
    probabilities = softmax(
        rng.normal(0, 1, (30, 5, 10)) + 9 * np.eye(10)[rng.integers(10, size=(30, 5))]
    )
    assert 0.8 < fit(probabilities, probabilities.argmax(axis=-1)) < 1


@pytest.mark.parametrize("network", ["medium", "course"])
@pytest.mark.parametrize("views", [1, 2])
def test_a_temperature_divides_the_logits(network: str, views: int) -> None:
    spec = CaptchaSpec("abc", 2, 48, 24)
    recogniser = build_recogniser(network, spec)  # type: ignore[arg-type]
    images = np.random.default_rng(0).integers(256, size=(4, 24, 48), dtype=np.uint8)
    model = add_test_time_augmentation(recogniser, views)
    before = model(images).numpy()
    assert apply_temperature(model, 2.0)
    softened = soften(before, 2)
    assert model(images).numpy() == pytest.approx(softened, abs=1e-5)
    assert not np.allclose(before, softened, atol=1e-3)


def test_a_model_without_a_softmax_classifier_is_not_changed() -> None:
    inputs = keras.layers.Input((3,))
    model = keras.Model(inputs, keras.layers.Softmax()(keras.layers.Dense(2)(inputs)))
    before = model.get_weights()
    assert not apply_temperature(model, 2.0)
    assert all(map(np.array_equal, before, model.get_weights()))


def test_the_calibration_error_is_the_weighted_distance_of_confidence_and_accuracy() -> None:
    confidences = np.array([0.95, 0.97, 0.99, 0.97, 0.05])
    is_correct = np.array([True, True, True, False, False])
    calibration = measure_calibration(1.5, confidences, is_correct)
    assert calibration.temperature == 1.5
    assert [one.n for one in calibration.bins] == [1, 4]
    assert calibration.bins[1].confidence == pytest.approx(0.97)
    assert calibration.bins[1].accuracy == 0.75
    expected = (1 * 0.05 + 4 * 0.22) / 5
    assert calibration.expected_calibration_error == pytest.approx(expected)


def test_a_confidence_of_one_is_in_the_last_bin() -> None:
    calibration = measure_calibration(1.0, np.array([1.0, 0.94]), np.array([True, True]))
    assert [one.n for one in calibration.bins] == [2]
    assert calibration.expected_calibration_error == pytest.approx(0.03)
