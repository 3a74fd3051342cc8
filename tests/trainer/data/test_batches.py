from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from tests.conftest import SMALL, SPEC
from trainer.config import TrainingConfig
from trainer.dataset import Split, Splits, count_repeats
from trainer.feed import count_steps, feed_in_order, feed_pass, feed_plain, list_rows
from trainer.focus import ErrorRates


def read(batches: Any) -> list[tuple[bytes, list[int]]]:
    return [
        (image.tobytes(), label.argmax(-1).tolist())
        for images, one_hot in batches
        for image, label in zip(images.numpy(), one_hot.numpy(), strict=True)
    ]


def feed(
    split: Split, config: TrainingConfig, number: int, misread: ErrorRates | None = None
) -> Any:
    return feed_pass(split, SPEC, config, number, list_rows(split, config, number, misread))


def rows_of(split: Split) -> list[tuple[bytes, list[int]]]:
    return [(i.tobytes(), y.tolist()) for i, y in zip(split.images, split.labels, strict=True)]


STILL = dataclasses.replace(SMALL, batch_size=64, shift=0, shift_down=0)


def test_each_captcha_is_fed_once_with_its_own_label(splits: Splits) -> None:
    seen = read(feed(splits.validation, STILL, 0))
    assert seen != rows_of(splits.validation)
    assert sorted(seen) == sorted(rows_of(splits.validation))
    assert count_steps(splits.validation, STILL) == 4


def test_a_pass_depends_on_seed_and_number_alone(splits: Splits) -> None:
    config = dataclasses.replace(STILL, shift=4, shift_down=4, variation=0.5)
    first = read(feed(splits.validation, config, 3))
    assert read(feed(splits.validation, config, 3)) == first
    assert read(feed(splits.validation, config, 4)) != first
    other = dataclasses.replace(config, seed=2)
    assert read(feed(splits.validation, other, 3)) != first


def test_a_captcha_moves_across_and_down_as_far_as_each_is_said() -> None:
    """Letters are told apart by how high they stand: across must not become down."""

    def spread(shift: int, shift_down: int, variation: float) -> tuple[float, float]:
        """How far apart down and across, in pixels, a blot in the middle comes to lie."""
        images = np.full((400, 60, 160), 250, np.uint8)
        images[:, 25:36, 75:86] = 0
        split = Split(images, np.zeros((400, 4), np.int32), (("current", 400),))
        config = dataclasses.replace(
            STILL, batch_size=4, shift=shift, shift_down=shift_down, variation=variation
        )
        fed = np.concatenate([batch.numpy() for batch, _ in feed(split, config, 0)])
        ink = fed.max(axis=(1, 2), keepdims=True).astype(float) - fed
        down = (ink.sum(axis=2) * np.arange(60)).sum(axis=1) / ink.sum(axis=(1, 2))
        across = (ink.sum(axis=1) * np.arange(160)).sum(axis=1) / ink.sum(axis=(1, 2))
        return float(np.ptp(down)), float(np.ptp(across))

    assert spread(3, 0, 0.0) == (0, 6)
    assert spread(0, 2, 0.0) == (4, 0)
    # Varied, it moves beside what its scale makes room for, and three times as far across.
    down, across = spread(0, 0, 1.0)
    down_as_well, further_across = spread(10, 0, 1.0)
    assert further_across > across + 40
    assert down_as_well == pytest.approx(down, abs=6)
    further_down, across_as_well = spread(0, 10, 1.0)
    assert further_down > down + 10
    assert across_as_well == pytest.approx(across, abs=6)


def test_in_order_nothing_is_moved(splits: Splits) -> None:
    fed = np.concatenate([images.numpy() for images in feed_in_order(splits.test, SPEC)])
    assert np.array_equal(fed, splits.test.images)


def test_the_plain_ones_are_a_few_of_all_in_any_order_and_not_varied(splits: Splits) -> None:
    config = dataclasses.replace(STILL, batch_size=2, shift=4, shift_down=4, variation=1.0)
    fed = [
        image.tobytes()
        for images in feed_plain(splits.train, SPEC, 2, list_rows(splits.train, config, 0))
        for image in images.numpy()
    ]
    rows = [image.tobytes() for image in splits.train.images]
    assert len(fed) == len(set(fed)) == 100
    assert set(fed) < set(rows)
    assert max(rows.index(image) for image in fed) > len(rows) / 2


def test_a_share_of_the_batches_is_varied(splits: Splits) -> None:
    def count(share: float) -> int:
        config = dataclasses.replace(STILL, batch_size=5, variation=share)
        still = {image for image, _ in rows_of(splits.validation)}
        batches = feed(splits.validation, config, 0)
        return sum(images.numpy()[0].tobytes() not in still for images, _ in batches)

    assert (count(0.0), count(1.0)) == (0, 40)
    assert 8 < count(0.5) < 32


def test_the_few_of_ones_own_are_fed_more_often() -> None:
    images = np.arange(110, dtype=np.uint8)[:, np.newaxis, np.newaxis] * np.ones((1, 60, 160), "u1")
    split = Split(images, np.zeros((110, 4), np.int32), (("current", 100), ("own", 10)))
    fed = [image[0] for image, _ in read(feed(split, STILL, 0))]
    assert [fed.count(number) for number in (0, 99, 100, 109)] == [1, 1, 3, 3]
    assert count_steps(split, STILL) == 3


@pytest.mark.parametrize("misread", [None, np.eye(SPEC.classes)[1]])
def test_look_alikes_are_fed_once_however_much_they_are_misread(misread: ErrorRates | None) -> None:
    images = np.arange(130, dtype=np.uint8)[:, np.newaxis, np.newaxis] * np.ones((1, 60, 160), "u1")
    labels = np.array(
        [[0, 0, 0, 1]] * 5 + [[2, 3, 4, 5]] * 95 + [[0, 1, 0, 1]] * 20 + [[6] * 4] * 10
    )
    origins = (("current", 100), ("look-alikes", 20), ("own", 10))
    split = Split(images, labels.astype(np.int32), origins)
    config = dataclasses.replace(STILL, focus=0.5)
    fed = [image[0] for image, _ in read(feed(split, config, 0, misread))]
    assert [fed.count(number) for number in range(100, 120)] == [1] * 20
    focused = sum(fed.count(number) for number in range(5))
    assert focused == 5 if misread is None else focused > 50
    assert count_steps(split, STILL) == -(-len(fed) // 64)
    # And the statistics are measured on the same.
    rows = list_rows(split, config, 0, misread)
    batches = feed_plain(split, SPEC, config.batch_size, rows)
    plain = [image[0, 0] for images in batches for image in images.numpy()]
    assert plain == fed[: len(plain)]
    assert len(plain) == len(fed) // 64 * 64


def test_own_ones_are_a_quarter_but_not_repeated_for_ever() -> None:
    assert count_repeats(own=1_000, drawn=30_000) == 10
    assert count_repeats(own=100, drawn=30_000) == 20
    assert count_repeats(own=50_000, drawn=30_000) == 1
    assert count_repeats(own=0, drawn=100) == 1


def test_own_ones_alone_make_a_pass_of_some_length() -> None:
    assert count_repeats(own=100, drawn=0) == 20
    assert count_repeats(own=5_000, drawn=0) == 4
    assert count_repeats(own=50_000, drawn=0) == 1
