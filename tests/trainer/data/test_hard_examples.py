"""Hard-example mining: error rates of the classes, and sampling by them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt
import pytest

from trainer.data.hard_examples import measure_error_rates, sample_hard_examples

NO_ERRORS = np.zeros(3)


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def test_the_error_rate_counts_false_negatives_and_false_positives_alike() -> None:
    # Of 20 captchas of class 0, 10 are predicted as class 1, which has 40.
    confusions = np.array([[10, 10, 0], [0, 40, 0], [0, 0, 5]])
    assert measure_error_rates(confusions).tolist() == [0.25, 0.125, 0.0]


def test_the_error_rates_of_asymmetric_confusions_are_exact() -> None:
    confusions = np.array([[5, 2, 3], [1, 7, 2], [0, 6, 4]])
    expected = [(5 + 1) / 20, (3 + 8) / 20, (6 + 5) / 20]
    assert measure_error_rates(confusions).tolist() == expected


def test_a_class_that_never_occurs_has_no_errors() -> None:
    assert measure_error_rates(np.array([[10, 0], [0, 0]])).tolist() == [0.0, 0.0]


def test_the_error_rate_of_a_class_without_samples_counts_its_false_positives() -> None:
    assert measure_error_rates(np.array([[9, 1], [0, 0]])).tolist() == [0.05, 0.5]


def test_the_error_rate_of_a_rare_class_is_at_most_one() -> None:
    # A network that predicts class 1 for everything.
    confusions = np.array([[0, 199, 0], [0, 1, 0], [0, 0, 0]])
    assert measure_error_rates(confusions).tolist() == [0.5, 1.0, 0.0]


def test_a_fraction_is_sampled_by_error_rate_and_the_rest_without_repetition() -> None:
    labels = np.array([[0, 0]] * 10 + [[0, 1]] * 10 + [[1, 2]] * 980, np.int32)
    rows = np.arange(len(labels))
    sampled = sample_hard_examples(rows, labels, np.array([0.5, 0.0, 0.0]), 0.4, rng())
    assert len(sampled) == len(rows)
    hard, others = sampled[:400], sampled[400:]
    assert hard.max() < 20
    # Two characters of the class count twice as much as one: 267 of 400 on average.
    assert 240 < (hard < 10).sum() < 295
    assert len(set(others.tolist())) == 600
    assert 3 < (others < 20).sum() < 20


def test_the_probability_is_proportional_to_the_sum_of_the_error_rates() -> None:
    labels = np.array([[0, 1], [1, 1], [2, 2]], np.int32)
    rates = np.array([0.3, 0.1, 0.0])
    rows = np.tile(np.arange(3), 2_000)
    counts = Counter(sample_hard_examples(rows, labels, rates, 1.0, rng()).tolist())
    assert counts[0] + counts[1] == len(rows)
    assert counts[0] / counts[1] == pytest.approx(2.0, rel=0.1)


def test_the_rows_are_numbers_of_captchas_and_can_repeat() -> None:
    labels = np.array([[0], [1], [0], [1]], np.int32)
    rows = np.array([3, 3, 2, 3])
    sampled = sample_hard_examples(rows, labels, np.array([1.0, 0.0]), 0.5, rng())
    assert sampled[:2].tolist() == [2, 2]
    assert set(sampled[2:].tolist()) <= {2, 3}


@pytest.mark.parametrize(
    ("fraction", "count"), [(0.0, 0), (0.04, 0), (0.26, 3), (0.74, 7), (1.0, 10)]
)
def test_the_sampled_part_is_rounded_to_whole_captchas(fraction: float, count: int) -> None:
    labels = np.array([[1]] * 9 + [[0]], np.int32)
    sampled = sample_hard_examples(np.arange(10), labels, np.array([1.0, 0.0]), fraction, rng())
    assert len(sampled) == 10
    assert sampled[:count].tolist() == [9] * count
    others = sampled[count:].tolist()
    assert len(set(others)) == len(others)


def test_without_errors_every_row_is_kept_in_its_order() -> None:
    labels = np.zeros((50, 2), np.int32)
    rows: npt.NDArray[np.int64] = np.arange(50)[::-1]
    assert sample_hard_examples(rows, labels, NO_ERRORS, 0.7, rng()).tolist() == rows.tolist()


def test_the_same_random_numbers_give_the_same_sample() -> None:
    labels = np.repeat(np.arange(3, dtype=np.int32)[:, np.newaxis], 20, axis=0)
    rates = np.array([0.5, 0.2, 0.1])

    def sample(seed: int) -> list[int]:
        generator = np.random.default_rng(seed)
        return sample_hard_examples(np.arange(60), labels, rates, 0.5, generator).tolist()

    assert sample(1) == sample(1)
    assert sample(1) != sample(2)
