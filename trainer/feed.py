"""Captchas in memory -> batches for a network, shuffled and varied."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from shared.spec import CaptchaSpec
from trainer.augmentation import move, vary
from trainer.config import TrainingConfig
from trainer.dataset import LOOK_ALIKES, OWN, Split, count_repeats
from trainer.evaluation import BATCH
from trainer.focus import ErrorRates, choose

_PLAIN_BATCHES = 50

Rows = npt.NDArray[np.int64]
"""Which captchas of a split, some of them several times: int64 (N,)."""


def list_rows(
    split: Split, config: TrainingConfig, number: int, misread: ErrorRates | None = None
) -> Rows:
    """What one pass feeds, in its order.

    misread: what to look at more often. Rows and order depend on it, the seed and the number of
    the pass alone: a training that goes on after a break sees what it would have seen.
    """
    numbers = np.random.default_rng((config.seed, number))
    rows, look_alikes = _rows_to_read(split), np.array(split.rows_of(LOOK_ALIKES), np.int64)
    if misread is not None:
        # Of look-alikes alone it would choose little else: they hold what is misread four times.
        rows = choose(rows, split.labels, misread, config.focus, numbers)
    return numbers.permutation(np.concatenate([rows, look_alikes]))


def feed_pass(
    split: Split, spec: CaptchaSpec, config: TrainingConfig, number: int, rows: Rows
) -> Any:
    """Batches (uint8 (B, height, width), one-hot float32 (B, length, classes)) of one pass.

    How they are moved and varied depends on the seed, the number of the pass and that of the batch
    alone.
    """
    batches = tf.data.Dataset.from_tensor_slices(rows).batch(config.batch_size).enumerate()
    gather, labels = _image_gatherer(split, spec), tf.constant(split.labels)

    def prepare(batch: Any, chosen: Any) -> Any:
        images = gather(chosen)
        seed = tf.stack([tf.constant(config.seed, tf.int64) * 100_003 + number, batch])
        varied = tf.random.stateless_uniform((), seed + 1) < config.variation
        fed = tf.cond(
            varied,
            lambda: vary(images, seed, config.shift, config.shift_down),
            lambda: move(images, seed, config.shift, config.shift_down),
        )
        one_hot = tf.one_hot(tf.gather(labels, chosen), spec.classes)
        return tf.ensure_shape(fed, images.shape), one_hot

    return batches.map(prepare).prefetch(4)


def feed_plain(split: Split, spec: CaptchaSpec, batch_size: int, rows: Rows) -> Any:
    """Batches uint8 (B, height, width) of the first few rows, as they are."""
    few = rows[: _PLAIN_BATCHES * batch_size]
    # Each counts alike: not one with a rest of captchas.
    whole = len(few) >= batch_size
    batches = tf.data.Dataset.from_tensor_slices(few).batch(batch_size, drop_remainder=whole)
    return batches.map(_image_gatherer(split, spec)).prefetch(4)


def feed_in_order(split: Split, spec: CaptchaSpec) -> Any:
    """Batches uint8 (B, height, width) of all captchas of a split, as they are."""
    rows = tf.data.Dataset.range(len(split)).batch(BATCH)
    return rows.map(_image_gatherer(split, spec)).prefetch(4)


def count_steps(split: Split, config: TrainingConfig) -> int:
    """Batches in one pass."""
    rows = len(_rows_to_read(split)) + len(split.rows_of(LOOK_ALIKES))
    return -(-rows // config.batch_size)


def _rows_to_read(split: Split) -> Rows:
    """Rows of captchas as they are to be read, one's own as often as they are repeated."""
    repeats = np.ones(len(split), np.int64)
    own, alike = split.rows_of(OWN), split.rows_of(LOOK_ALIKES)
    repeats[_slice(own)] = count_repeats(len(own), len(split) - len(own))
    repeats[_slice(alike)] = 0
    return np.repeat(np.arange(len(split)), repeats)


def _slice(rows: range) -> slice:
    return slice(rows.start, rows.stop)


def _image_gatherer(split: Split, spec: CaptchaSpec) -> Any:
    """From row numbers to their images, at once: several times cheaper than one by one.

    Picked by numpy out of the memory where the captchas are: a tensor would hold them twice.
    """

    def gather(rows: Any) -> Any:
        images = tf.numpy_function(
            lambda chosen: split.images[chosen], [rows], tf.uint8, stateful=False
        )
        return tf.ensure_shape(images, (None, spec.height, spec.width))

    return gather
