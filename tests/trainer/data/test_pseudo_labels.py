"""The most confident predictions become labels."""

from __future__ import annotations

import numpy as np
import pytest

from shared.labels import decode
from shared.restriction import Predictions
from shared.spec import CaptchaSpec
from trainer.data.pseudo_labels import label_most_confident

SPEC = CaptchaSpec("ab", length=2, min_length=1, width=16, height=16)
IMAGES = np.arange(4, dtype=np.uint8).repeat(256).reshape(4, 16, 16)


def label(fraction: float, *confidences: float) -> list[tuple[int, str]]:
    """Return the grey level of each chosen image, which is its row, and its label."""
    predictions = Predictions(["a", "ab", "b", "ba"], [], np.array(confidences))
    split = label_most_confident(SPEC, IMAGES, predictions, fraction)
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
