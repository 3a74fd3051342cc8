"""The formulas of the loss curves are those of Keras."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from tests.conftest import SPEC
from tests.trainer.course.illustrations.generator import build_workspace, check_figure
from trainer.course.illustrations.loss_curves import (
    binary_cross_entropy,
    draw_loss_curves,
    sigmoid,
    softmax_cross_entropy,
)

SCORES = np.linspace(-4, 4, 9)


def test_the_sigmoid_is_that_of_keras_and_rises() -> None:
    expected = keras.ops.convert_to_numpy(keras.ops.sigmoid(SCORES))
    assert sigmoid(SCORES) == pytest.approx(expected, abs=1e-6)
    assert (np.diff(sigmoid(SCORES)) > 0).all()


@pytest.mark.parametrize("truth", [0.0, 1.0])
def test_the_binary_cross_entropy_is_that_of_keras_and_positive(truth: float) -> None:
    probabilities = np.array([0.01, 0.3, 0.5, 0.9])
    found = binary_cross_entropy(truth, probabilities)
    labels = np.full((4, 1), truth)
    expected = keras.losses.binary_crossentropy(labels, probabilities[:, np.newaxis])
    assert found == pytest.approx(np.asarray(expected), abs=1e-5)
    assert (found > 0).all()


def test_the_categorical_cross_entropy_is_that_of_keras() -> None:
    scores = np.zeros((len(SCORES), 10))
    scores[:, 3] = SCORES
    labels = np.eye(10)[[3] * len(SCORES)]
    expected = keras.losses.categorical_crossentropy(labels, scores, from_logits=True)
    assert softmax_cross_entropy(SCORES, 9) == pytest.approx(np.asarray(expected), abs=1e-5)


def test_a_figure_is_drawn_without_a_request(tmp_path: Path) -> None:
    workspace, client = build_workspace(tmp_path, SPEC)
    (figure,) = draw_loss_curves(workspace)
    assert figure == tmp_path / "loss-curves" / "loss-curves.png"
    check_figure(figure)
    assert client.requests == []
