"""The rows of an epoch: order, repetition of an image folder, hard-example mining."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt
import pytest

from shared.captchas.spec import CaptchaSpec
from trainer.config import TrainingConfig
from trainer.data.dataset_requests import CONFUSABLE
from trainer.data.hard_examples import ErrorRates
from trainer.data.sampling import count_repeats, count_steps, sample_epoch
from trainer.data.splits import IMAGE_FOLDER, NO_LABEL, NON_CAPTCHAS, Split

SPEC = CaptchaSpec(length=1, width=16, height=16)
CONFIG = TrainingConfig(batch_size=10)


def build(*subsets: tuple[str, int], labels: npt.ArrayLike | None = None) -> Split:
    """Return a split with these subsets; its images are not used."""
    count = sum(size for _, size in subsets)
    classes = np.zeros((count, 1), np.int32) if labels is None else np.array(labels, np.int32)
    assert classes.shape == (count, 1)
    return Split(SPEC, np.empty((count, 16, 16), np.uint8), classes, subsets)


def count_rows(split: Split, error_rates: ErrorRates | None = None) -> Counter[int]:
    config = TrainingConfig(hard_example_fraction=0.5)
    return Counter(sample_epoch(split, config, 0, error_rates).tolist())


def test_each_captcha_is_visited_once_in_a_random_order() -> None:
    rows = sample_epoch(build(("current", 60), ("classic", 40)), CONFIG, 0)
    assert rows.dtype == np.int64
    assert sorted(rows.tolist()) == list(range(100))
    assert rows.tolist() != list(range(100))
    assert 30 < rows[:50].mean() < 70


def test_the_order_depends_on_seed_and_epoch_only() -> None:
    split = build(("current", 100))
    first = sample_epoch(split, CONFIG, 3).tolist()
    assert sample_epoch(split, CONFIG, 3).tolist() == first
    assert sample_epoch(split, TrainingConfig(batch_size=7, epochs=9), 3).tolist() == first
    assert sample_epoch(split, CONFIG, 4).tolist() != first
    assert sample_epoch(split, TrainingConfig(seed=3), 3).tolist() != first
    swapped = sample_epoch(split, TrainingConfig(seed=2), 1).tolist()
    assert sample_epoch(split, TrainingConfig(seed=1), 2).tolist() != swapped


def test_a_small_image_folder_is_visited_several_times() -> None:
    split = build(("current", 100), (IMAGE_FOLDER, 10))
    counts = count_rows(split)
    assert [counts[row] for row in range(100)] == [1] * 100
    assert [counts[row] for row in range(100, 110)] == [3] * 10
    assert sum(counts.values()) == 130
    assert count_steps(split, CONFIG) == 13


def test_an_image_folder_before_other_subsets_is_found() -> None:
    counts = count_rows(build((IMAGE_FOLDER, 4), ("current", 36)))
    assert [counts[row] for row in range(40)] == [3] * 4 + [1] * 36


def test_confusable_captchas_count_as_generated_ones_beside_an_image_folder() -> None:
    split = build(("current", 100), (CONFUSABLE, 20), (IMAGE_FOLDER, 10))
    counts = count_rows(split)
    assert [counts[row] for row in range(120)] == [1] * 120
    assert [counts[row] for row in range(120, 130)] == [4] * 10


@pytest.mark.parametrize("error_rates", [None, np.eye(10)[1]])
def test_confusable_captchas_are_visited_once_whatever_their_error_rates(
    error_rates: ErrorRates | None,
) -> None:
    labels = [[1]] * 5 + [[2]] * 95 + [[1]] * 20 + [[6]] * 10
    split = build(("current", 100), (CONFUSABLE, 20), (IMAGE_FOLDER, 10), labels=labels)
    counts = count_rows(split, error_rates)
    assert sum(counts.values()) == 160
    assert [counts[row] for row in range(100, 120)] == [1] * 20
    hard = sum(counts[row] for row in range(5))
    # 70 of the 140 other rows are sampled, all of them from the 5 rows with errors.
    assert hard == 5 if error_rates is None else hard >= 70


def test_hard_examples_are_a_fraction_of_the_epoch() -> None:
    split = build(("current", 200), labels=[[1]] * 10 + [[2]] * 190)
    for fraction in (0.0, 0.25, 1.0):
        config = TrainingConfig(hard_example_fraction=fraction)
        rows = sample_epoch(split, config, 0, np.eye(10)[1])
        assert len(rows) == 200
        hard = int((rows < 10).sum())
        assert fraction * 200 <= hard <= fraction * 200 + 10
        # They are mixed with the others.
        if fraction == 0.25:
            assert 10 < (rows[:100] < 10).sum() < 45


def test_error_rates_of_zero_change_nothing_but_the_order() -> None:
    split = build(("current", 50))
    assert count_rows(split, np.zeros(10)) == Counter(range(50))


def test_the_epoch_with_hard_examples_is_reproducible() -> None:
    split = build(("current", 60), labels=[[n % 10] for n in range(60)])
    rates = np.linspace(0, 1, 10)
    config = TrainingConfig(hard_example_fraction=0.5)
    first = sample_epoch(split, config, 2, rates).tolist()
    assert sample_epoch(split, config, 2, rates).tolist() == first
    assert sample_epoch(split, config, 3, rates).tolist() != first


@pytest.mark.parametrize(
    ("captchas", "steps"), [(1, 1), (9, 1), (10, 1), (11, 2), (20, 2), (21, 3)]
)
def test_the_last_batch_of_an_epoch_may_be_smaller(captchas: int, steps: int) -> None:
    assert count_steps(build(("current", captchas)), CONFIG) == steps


def test_the_steps_count_confusable_captchas_and_repetitions() -> None:
    split = build(("current", 90), (CONFUSABLE, 11), (IMAGE_FOLDER, 4))
    # 90 + 11 + 4 * 8 (a third of 101, divided by 4, is 8.4)
    assert count_steps(split, CONFIG) == 14
    assert len(sample_epoch(split, CONFIG, 0)) == 133


@pytest.mark.parametrize(
    ("folder_images", "generated", "repeats"),
    [
        (1_000, 30_000, 10),  # a quarter of the epoch
        (500, 30_000, 20),
        (100, 30_000, 20),  # limited
        (50_000, 30_000, 1),
        (10_000, 45_000, 2),  # 1.5, rounded to even
        (10_000, 44_700, 1),
        (2, 17, 3),  # 2.8
        (0, 100, 1),
        (0, 0, 1),
    ],
)
def test_an_image_folder_is_a_quarter_of_an_epoch_but_not_repeated_too_often(
    folder_images: int, generated: int, repeats: int
) -> None:
    assert count_repeats(folder_images, generated, 40_000) == repeats


@pytest.mark.parametrize(
    ("folder_images", "repeats"), [(100, 400), (1_000, 40), (1_250, 32), (5_000, 8), (70_000, 1)]
)
def test_an_epoch_of_an_image_folder_alone_has_about_40_000_captchas(
    folder_images: int, repeats: int
) -> None:
    assert count_repeats(folder_images, 0, 40_000) == repeats


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.5])
def test_non_captchas_are_a_fraction_of_the_epoch(fraction: float) -> None:
    split = build(("current", 90), (NON_CAPTCHAS, 5))
    config = TrainingConfig(batch_size=10, non_captcha_fraction=fraction)
    rows = sample_epoch(split, config, 0)
    assert sorted(rows[rows < 90].tolist()) == list(range(90))
    expected = round(90 * fraction / (1 - fraction))
    assert (rows >= 90).sum() == expected
    assert count_steps(split, config) == -(-(90 + expected) // 10)
    # They are repeated in a random order.
    if fraction == 0.5:
        assert {int(row) for row in rows if row >= 90} == set(range(90, 95))
        assert (rows[:90] >= 90).sum() > 25


def test_without_images_of_them_an_epoch_has_no_non_captchas() -> None:
    split = build(("current", 90))
    config = TrainingConfig(batch_size=10, non_captcha_fraction=0.5)
    assert len(sample_epoch(split, config, 0)) == 90
    assert count_steps(split, config) == 9


def test_non_captchas_are_no_hard_examples() -> None:
    labels = [[1]] * 5 + [[2]] * 85 + [[NO_LABEL]] * 10
    split = build(("current", 90), (NON_CAPTCHAS, 10), labels=labels)
    config = TrainingConfig(hard_example_fraction=1.0, non_captcha_fraction=0.1)
    rows = sample_epoch(split, config, 0, np.eye(10)[1])
    assert (rows < 5).sum() == 90
    assert (rows >= 90).sum() == 10
