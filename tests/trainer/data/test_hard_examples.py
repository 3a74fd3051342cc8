"""What is misread is looked at more often."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import numpy as np
import pytest

from tests.conftest import SMALL, SPEC
from trainer.dataset import Splits
from trainer.feed import feed_pass, list_rows
from trainer.focus import choose, measure_misread

CLASSES = 3


def test_both_sides_of_a_mistake_count_alike() -> None:
    # Twenty of class 0, ten of them read as class 1, of which there are forty.
    confusions = np.array([[10, 10, 0], [0, 40, 0], [0, 0, 5]])
    assert measure_misread(confusions).tolist() == [0.25, 0.125, 0.0]


def test_a_class_that_never_occurs_is_not_misread() -> None:
    assert measure_misread(np.array([[10, 0], [0, 0]])).tolist() == [0.0, 0.0]


def test_what_hardly_occurs_is_misread_at_most_whole() -> None:
    # A blind one reads class 1 everywhere.
    confusions = np.array([[0, 199, 0], [0, 1, 0], [0, 0, 0]])
    assert measure_misread(confusions).tolist() == [0.5, 1.0, 0.0]


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
