"""Captchas in memory -> batches for a network, shuffled and moved about."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from shared.spec import CaptchaSpec
from trainer.dataset import Split


def feed(
    split: Split,
    spec: CaptchaSpec,
    batch_size: int,
    shuffle_seed: int | None = None,
    shift: int = 0,
) -> tf.data.Dataset:
    """Batches of (uint8 (B, height, width), one-hot float32 (B, length, charset)).

    shuffle_seed: decides order and movement; without it captchas come as they are, in order.
    shift: pixels by which a batch is moved at most, in both directions.
    """
    images, labels = tf.constant(split.images), tf.constant(split.labels)
    # Shuffling row numbers and gathering a batch at once is several times cheaper than
    # passing images through a shuffle buffer one by one.
    rows = tf.data.Dataset.range(len(split))
    if shuffle_seed is not None:
        rows = rows.shuffle(len(split), seed=shuffle_seed)

    def gather(batch: Any) -> Any:
        one_hot = tf.one_hot(tf.gather(labels, batch), len(spec.charset))
        return tf.gather(images, batch), one_hot

    batches = rows.batch(batch_size).map(gather)
    if shuffle_seed is not None and shift:
        batches = batches.map(lambda x, y: (_move(x, shift, shuffle_seed), y))
    return batches.prefetch(4)


def _move(images: Any, shift: int, seed: int) -> Any:
    """The batch moved by up to `shift` pixels; what comes in at an edge mirrors what was there.

    One move for the whole batch costs nothing, and over a training it does what one for each
    captcha would: strokes fall differently on the grid of blocks every time.
    """
    height, width = images.shape[1:]
    down, right = tf.unstack(tf.random.uniform((2,), 0, 2 * shift + 1, tf.int32, seed=seed))
    edge = (shift, shift)
    padded = tf.pad(images, ((0, 0), edge, edge), "SYMMETRIC")
    moved = padded[:, down : down + height, right : right + width]
    return tf.ensure_shape(moved, (None, height, width))
