"""What a candidate shows of the trained model, and its calibration."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from shared.captchas.labels import best_indices
from shared.captchas.spec import CaptchaSpec
from tests.conftest import TINY
from trainer.data.dataset_requests import CaptchaSource
from trainer.data.splits import Split, Splits
from trainer.evaluation.accuracy import compare
from trainer.evaluation.calibration import apply_temperature, fit_temperature
from trainer.networks import build_recogniser
from trainer.networks.tta import add_test_time_augmentation
from trainer.publishing.candidate import find_network, write_candidate
from trainer.publishing.export import load_exported
from trainer.training.fit import FitResult
from trainer.training.training_log import Point, TrainingHistory

SPEC = CaptchaSpec("abcd", length=2, width=60, height=40)


@pytest.mark.parametrize("views", [1, 3])
def test_the_network_that_is_drawn_is_the_trained_one(views: int) -> None:
    """A network with the weights of the bundled model has the size of that model."""
    recogniser = build_recogniser("compact", CaptchaSpec(width=200, height=80), (160, 60))
    network = find_network(add_test_time_augmentation(recogniser, views))
    assert network.name == "compact"
    assert network.input_shape == (None, 60, 160, 1)
    assert network.count_params() == recogniser.count_params()


def test_the_temperature_is_fitted_to_the_validation_captchas_and_exported(tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    model = build_recogniser("compact", SPEC)
    apply_temperature(model, 0.005)  # overconfident
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(400, 40, 60), dtype=np.uint8)
    before = model.predict(images, verbose=0)
    predicted = best_indices(before, SPEC).astype(np.int32)
    labels = predicted.copy()
    labels[:100, 0] = (labels[:100, 0] + 1) % 4
    # Half of the validation captchas are predicted correctly, and all of the test captchas.
    validation, test = (
        Split(SPEC, images[rows], labels[rows], (("current", 200),))
        for rows in (slice(200), slice(200, None))
    )
    expected = fit_temperature(before[:200], compare(before[:200], validation).is_correct, SPEC)
    epoch = {"epoch": 1, "loss": 0.5, "val_loss": 0.5, "exact_match": 0.5, "val_exact_match": 0.5}
    history = TrainingHistory(10, [epoch], [Point(1.0, 0.5, 0.01)], elapsed_s=1.0)

    draft = write_candidate(
        FitResult(model, history),
        TINY,
        CaptchaSource(SPEC, {}, ""),
        "fingerprint",
        Splits(test, validation, test),
        None,
        tmp_path,
    )

    assert expected > 1.1
    assert draft.metrics.calibration is not None
    assert draft.metrics.calibration.temperature == pytest.approx(expected, rel=1e-3)
    softened = before[200:] ** (1 / expected)
    softened /= softened.sum(axis=2, keepdims=True)
    np.testing.assert_allclose(load_exported(tmp_path)(test.images), softened, atol=1e-4)
    confidences = softened.max(axis=2).prod(axis=1)
    error = draft.metrics.calibration.expected_calibration_error
    assert error == pytest.approx(1 - confidences.mean(), abs=0.01)
