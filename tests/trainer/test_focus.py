"""What is misread is looked at more often."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import numpy as np
import pytest

from tests.conftest import SMALL, SPEC
from trainer.dataset import Split, Splits
from trainer.feed import feed_in_order, feed_pass, list_rows
from trainer.focus import choose, measure_misread

CLASSES = 3


class Reader:
    """Reads class 0 as class 1 and all else right."""

    def __init__(self, labels: np.ndarray) -> None:
        answers = np.where(labels == 0, 1, labels)
        self._probabilities = np.eye(SPEC.classes, dtype=np.float32)[answers]

    def predict(self, batches: object, verbose: int) -> np.ndarray:
        images = np.concatenate([batch.numpy() for batch in batches])
        assert images.dtype == np.uint8
        return self._probabilities[: len(images)]


def test_both_sides_of_a_mistake_count_alike(splits: Splits) -> None:
    split = splits.validation
    misread = measure_misread(Reader(split.labels), feed_in_order(split, SPEC), split)
    zeros, ones = ((split.labels == character).sum() for character in (0, 1))
    assert misread.tolist() == [0.5, zeros / ones / 2] + [0.0] * (SPEC.classes - 2)


def test_a_class_that_never_occurs_is_not_misread(splits: Splits) -> None:
    rows = (splits.validation.labels != 7).all(axis=1)
    split = Split(splits.validation.images[rows], splits.validation.labels[rows])
    misread = measure_misread(Reader(split.labels), feed_in_order(split, SPEC), split)
    assert misread[7] == 0.0


def test_what_hardly_occurs_is_misread_at_most_whole() -> None:
    class Blind(Reader):
        def __init__(self, labels: np.ndarray) -> None:
            super().__init__(np.zeros_like(labels))

    labels = np.full((50, 4), 3, np.int32)
    labels[0, 0] = 1
    split = Split(np.zeros((50, SPEC.height, SPEC.width), np.uint8), labels)
    misread = measure_misread(Blind(labels), feed_in_order(split, SPEC), split)
    assert misread[:4].tolist() == [0.0, 1.0, 0.0, 0.5]  # a blind one reads 1


def test_half_of_the_rows_are_chosen_by_what_they_hold_the_others_by_chance() -> None:
    labels = np.array([[0, 0]] * 10 + [[0, 1]] * 10 + [[1, 2]] * 980, np.int32)
    rows = np.arange(len(labels))
    misread = np.array([0.5, 0.0, 0.0])
    chosen = choose(rows, labels, misread, 0.5, np.random.default_rng(1))
    assert len(chosen) == len(rows)
    kinds = Counter(chosen // 10)
    # Two misread characters count twice as much as one.
    assert 280 < kinds[0] < 400
    assert 120 < kinds[1] < 220
    # The half that is left is drawn without doubles.
    rest = [row for row in chosen if row >= 20]
    assert len(set(rest)) == len(rest) >= 480


def test_with_nothing_misread_each_row_comes_once() -> None:
    labels = np.zeros((50, 2), np.int32)
    chosen = choose(np.arange(50), labels, np.zeros(CLASSES), 0.7, np.random.default_rng(1))
    assert sorted(chosen) == list(range(50))


@pytest.mark.parametrize("focus", [0.0, 0.9])
def test_a_pass_feeds_what_is_misread_more_often(splits: Splits, focus: float) -> None:
    config = dataclasses.replace(SMALL, shift=0, shift_down=0, variation=0.0, focus=focus)
    misread = np.zeros(SPEC.classes)
    misread[7] = 0.1

    def feed() -> Any:
        rows = list_rows(splits.train, config, 0, misread)
        return feed_pass(splits.train, SPEC, config, 0, rows)

    def share() -> float:
        return float(np.mean([one_hot.numpy()[:, :, 7].mean() for _, one_hot in feed()]))

    natural = (splits.train.labels == 7).mean()
    assert share() == pytest.approx(natural, rel=0.02) if focus == 0 else share() > 2.5 * natural
    first = [one_hot.numpy() for _, one_hot in feed()]
    again = [one_hot.numpy() for _, one_hot in feed()]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
