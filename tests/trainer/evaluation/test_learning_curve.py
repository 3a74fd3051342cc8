"""The learning curve: what more labels would bring."""

from __future__ import annotations

import io

import numpy as np
import pytest

from shared.captchas.spec import CaptchaSpec
from tests.conftest import TINY
from tests.trainer.conftest import change
from trainer.data.splits import IMAGE_FOLDER, NO_LABEL, NON_CAPTCHAS, Split, Splits
from trainer.evaluation.learning_curve import (
    CurvePoint,
    describe_learning_curve,
    extrapolate,
    measure_learning_curve,
)


def points(*pairs: tuple[int, float]) -> list[CurvePoint]:
    return [CurvePoint(labels, accuracy) for labels, accuracy in pairs]


def test_an_error_rate_that_halves_with_twice_the_labels_is_continued() -> None:
    curve = points((60, 0.6), (120, 0.8), (240, 0.9))
    assert extrapolate(curve, 480) == pytest.approx(0.95)
    assert extrapolate(curve, 960) == pytest.approx(0.975)


def test_more_labels_are_never_expected_to_do_harm() -> None:
    curve = points((60, 0.9), (120, 0.9), (240, 0.8))
    assert 0.8 < extrapolate(curve, 480) < 0.9


def test_a_training_without_errors_is_continued_too() -> None:
    assert 0.99 < extrapolate(points((60, 0.9), (120, 1.0), (240, 1.0)), 480) < 1


def test_the_curve_is_described_with_the_expected_accuracy() -> None:
    assert describe_learning_curve(points((60, 0.6), (120, 0.8), (240, 0.9))) == (
        "60.0% with 60 labels, 80.0% with 120 labels, 90.0% with 240 labels; about 95.0% expected"
        " with 480"
    )


def test_the_curve_is_measured_with_a_quarter_and_half_of_the_labels() -> None:
    spec = CaptchaSpec("ab", 1, 32, 16)
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=(40, 1)).astype(np.int32)
    images = np.where(labels[:, :, np.newaxis] == 1, 215, 0) + rng.integers(40, size=(40, 16, 32))
    images, labels = np.concatenate([images, images[:5]]), np.concatenate([labels, labels[:5]])
    labels[40:] = NO_LABEL
    subsets = ((IMAGE_FOLDER, 40), (NON_CAPTCHAS, 5))
    split = Split(spec, images.astype(np.uint8), labels, subsets)
    config = change(TINY, captchas=0, augment_fraction=0.0, epochs=3)
    stream = io.StringIO()
    curve = measure_learning_curve(config, Splits(split, split, split), 0.75, stream)
    assert [point.labels for point in curve] == [10, 20, 40]
    assert curve[2] == CurvePoint(40, 0.75)
    assert all(0.9 <= point.accuracy <= 1 for point in curve[:2])
    assert "epoch 3 of 3" in stream.getvalue()
