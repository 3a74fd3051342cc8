"""The most confident predictions become labels."""

from __future__ import annotations

import numpy as np
import pytest

from shared.captchas.labels import decode
from shared.captchas.restriction import Predictions
from shared.captchas.spec import CaptchaSpec
from trainer.data.pseudo_labels import (
    find_frequency_weights,
    label_most_confident,
    weight_classes,
)

SPEC = CaptchaSpec("ab", length=2, min_length=1, width=16, height=16)
IMAGES = np.arange(4, dtype=np.uint8).repeat(256).reshape(4, 16, 16)


def label(fraction: float, *confidences: float, limit: int = 4) -> list[tuple[int, str]]:
    """Return the grey level of each chosen image, which is its row, and its label."""
    predictions = Predictions(["a", "ab", "b", "ba"], [], np.array(confidences))
    split = label_most_confident(SPEC, IMAGES, predictions, fraction, limit)
    assert split.rows_of("image folder") == range(len(split))
    rows = [int(image[0, 0]) for image in split.images[:]]
    return list(zip(rows, decode(split.labels, SPEC), strict=True))


@pytest.mark.parametrize(
    ("fraction", "chosen"),
    [(0.5, [(0, "a"), (2, "b")]), (0.75, [(0, "a"), (1, "ab"), (2, "b")]), (0.01, [(2, "b")])],
)
def test_images_are_chosen_by_confidence_and_keep_their_order(
    fraction: float, chosen: list[tuple[int, str]]
) -> None:
    assert label(fraction, 0.8, 0.3, 0.9, 0.1) == chosen


def test_the_first_of_equally_confident_ones_are_chosen() -> None:
    assert label(0.5, 0.5, 0.5, 0.5, 0.5) == [(0, "a"), (1, "ab")]


def test_a_preferred_character_becomes_as_frequent_as_the_others() -> None:
    rng = np.random.default_rng(1)
    # A model that sees which of two characters it is, but prefers the first one. The third class is
    # the end of a text.
    is_second = rng.integers(2, size=(500, 2))
    second = np.where(is_second, 0.3, 0.1) + rng.normal(0, 0.02, (500, 2))
    ends = np.full((500, 2), 0.2)
    probabilities = np.stack([0.8 - second, second, ends], axis=2).astype(np.float32)
    assert not probabilities.argmax(axis=2).any()

    weights = find_frequency_weights(probabilities, 2)
    aligned = weight_classes(probabilities, weights)

    assert np.array_equal(aligned[:, :, :2].argmax(axis=2), is_second)
    assert aligned.dtype == np.float32
    assert weights[2] == 1  # the end is no character
    assert np.allclose(aligned.sum(axis=2), 1, atol=1e-5)
    assert abs(aligned[:, :, 0].sum() / aligned[:, :, 1].sum() - 1) < 0.1


def test_a_character_that_never_appears_gets_a_limited_weight() -> None:
    probabilities = np.array([[[1.0, 0.0]]] * 10, np.float32)
    weights = find_frequency_weights(probabilities, 2)
    assert np.isfinite(weights).all()
    assert np.array_equal(weight_classes(probabilities, weights), probabilities)


def test_of_too_many_images_some_are_chosen_evenly() -> None:
    assert label(1, 0.9, 0.8, 0.7, 0.6, limit=2) == [(0, "a"), (2, "b")]
    assert label(0.75, 0.9, 0.8, 0.7, 0.6, limit=2) == [(0, "a"), (2, "b")]
