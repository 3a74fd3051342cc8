from __future__ import annotations

import numpy as np
import tensorflow as tf

from trainer.augmentation import move, vary
from trainer.dataset import Splits


def seed(number: int) -> tf.Tensor:
    return tf.constant([1, number], tf.int64)


def test_batches_are_moved_by_at_most_the_shift_in_each_direction() -> None:
    dot = np.full((1, 30, 40), 255, np.uint8)
    dot[0, 15, 20] = 0
    places = set()
    for number in range(400):
        moved = move(tf.constant(dot), seed(number), 3, 1).numpy()
        ((_, y, x),) = np.argwhere(moved == 0)
        places.add((int(y) - 15, int(x) - 20))
    assert places == {(down, right) for down in range(-1, 2) for right in range(-3, 4)}


def test_a_shift_of_nothing_moves_nothing(splits: Splits) -> None:
    images = splits.test.images[:5]
    assert np.array_equal(move(tf.constant(images), seed(1), 0, 0).numpy(), images)


def test_each_captcha_is_varied_on_its_own_and_stays_one(splits: Splits) -> None:
    same = np.repeat(splits.test.images[:1], 200, axis=0)
    varied = np.concatenate(
        [vary(tf.constant(same), seed(number), 4, 4).numpy() for number in range(4)]
    )
    assert varied.dtype == np.uint8
    assert varied.shape == (800, 60, 160)
    assert len({image.tobytes() for image in varied}) == 800
    # Paper around, ink within: neither blank nor black.
    paper = np.median(varied, axis=(1, 2))
    ink = (varied < paper[:, np.newaxis, np.newaxis] - 20).mean(axis=(1, 2))
    before = (same[0] < np.median(same[0]) - 20).mean()
    assert (paper > 220).all()
    assert ink.min() > 0.2 * before
    assert ink.max() < 2.5 * before
    # Thinner and thicker, paler and darker ones are among them.
    assert ink.min() < 0.7 * before
    assert ink.max() > 1.2 * before


def test_the_same_seed_varies_alike(splits: Splits) -> None:
    images = tf.constant(splits.test.images[:20])
    first = vary(images, seed(1), 4, 4).numpy()
    assert np.array_equal(vary(images, seed(1), 4, 4).numpy(), first)
    assert not np.array_equal(vary(images, seed(2), 4, 4).numpy(), first)
