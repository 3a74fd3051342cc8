from __future__ import annotations

import numpy as np
import pytest

from shared.spec import CaptchaSpec
from trainer.dataset import Split
from trainer.evaluation import evaluate, wilson_interval

SPEC = CaptchaSpec(charset="abc", length=2, width=20, height=16)


def reads(predictions: np.ndarray):
    """A recogniser that finds its answer in the first two pixels."""

    def recognise(images: np.ndarray) -> np.ndarray:
        return np.eye(3, dtype=np.float32)[images[:, 0, :2]]

    images = np.zeros((len(predictions), 16, 20), np.uint8)
    images[:, 0, :2] = predictions
    return recognise, images


def test_a_captcha_counts_only_if_every_character_is_right() -> None:
    labels = np.array([[0, 1], [2, 2], [1, 0], [1, 1]], np.int32)
    recognise, images = reads(np.array([[0, 1], [2, 1], [1, 0], [0, 0]]))
    result = evaluate(recognise, Split(images, labels, (("a", 1), ("b", 3))), SPEC)
    assert (result.correct, result.n, result.accuracy) == (2, 4, 0.5)
    assert result.by_origin == {"a": (1, 1), "b": (1, 3)}
    assert result.character_accuracy == 5 / 8
    assert result.confusions.tolist() == [[2, 0, 0], [2, 2, 0], [0, 1, 1]]
    assert result.most_confused(SPEC, 5) == [("b", "a", 2), ("c", "b", 1)]


def test_more_captchas_than_a_batch_are_all_counted() -> None:
    labels = np.random.default_rng(0).integers(3, size=(1_203, 2)).astype(np.int32)
    recognise, images = reads(labels)
    result = evaluate(recognise, Split(images, labels), SPEC)
    assert (result.n, result.correct) == (1_203, 1_203)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        # Newcombe (1998), table I, method 3: Wilson without continuity correction.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_is_wilsons(successes: int, n: int, low: float, high: float) -> None:
    assert wilson_interval(successes, n) == pytest.approx((low, high), abs=5e-5)


def test_the_interval_of_a_perfect_score_ends_at_one() -> None:
    low, high = wilson_interval(2_000, 2_000)
    assert high == 1.0
    assert 0.998 < low < 0.9982


def test_nothing_read_where_nothing_is_says_nothing_about_characters() -> None:
    spec = CaptchaSpec(charset="ab", length=4, min_length=1, width=20, height=16)
    labels = np.array([[0, 2, 2, 2], [1, 1, 2, 2]], np.int32)  # "a", "bb"
    images = np.zeros((2, 16, 20), np.uint8)
    images[1] = 1

    def recognise(images: np.ndarray) -> np.ndarray:
        rows = np.array([[1, 2, 2, 2], [1, 0, 2, 2]])  # "b", "ba"
        return np.eye(3, dtype=np.float32)[rows[images[:, 0, 0]]]

    result = evaluate(recognise, Split(images, labels, (("own", 2),)), spec)
    assert (result.correct, result.characters) == (0, 3)
    assert result.character_accuracy == 1 / 3
    assert result.by_origin == {"own": (0, 2)}
    assert result.most_confused(spec, 5) == [("b", "a", 1), ("a", "b", 1)]
