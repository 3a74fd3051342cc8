"""Batches for `model.fit`: gathered from the splits, shuffled and augmented."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from shared.captchas.spec import LIBRARY_STYLES
from trainer.config import TrainingConfig
from trainer.data.augmentation import augment, shift
from trainer.data.hard_examples import ErrorRates
from trainer.data.sampling import Rows, count_images, count_steps, sample_epoch
from trainer.data.splits import EVALUATION_BATCH_SIZE, NO_LABEL, Split

_RECALIBRATION_BATCHES = 50


class TrainingBatches:
    """The training batches, one epoch per iteration of `dataset`."""

    def __init__(self, split: Split, config: TrainingConfig) -> None:
        self._split, self._config = split, config
        self._epoch = 0
        self._rows: Rows = np.empty(0, np.int64)
        self.images_per_epoch = count_images(split, config)
        self.steps_per_epoch = count_steps(split, config)
        self.dataset = self._build_dataset()

    def start_epoch(self, epoch: int, error_rates: ErrorRates | None = None) -> None:
        """Choose the captchas that the next iteration of `dataset` yields."""
        self._epoch = epoch
        self._rows = sample_epoch(self._split, self._config, epoch, error_rates)

    def _build_dataset(self) -> tf.data.Dataset:
        """Build batches (uint8 (B, height, width), one-hot float32 (B, length, classes)).

        The augmentation of a batch depends on the seed, the epoch and the batch number only.
        """
        config, size = self._config, self._config.batch_size
        fraction = config.augment_fraction if self._split.spec.style in LIBRARY_STYLES else 0.0

        def list_batches() -> Iterator[tuple[np.int64, np.int64, Rows]]:
            for step in range(self.steps_per_epoch):
                rows = self._rows[step * size : (step + 1) * size]
                yield np.int64(self._epoch), np.int64(step), rows

        def prepare(epoch: tf.Tensor, step: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, ...]:
            images, labels = gather(rows)
            seed = tf.stack([tf.constant(config.seed, tf.int64) * 100_003 + epoch, step])
            is_augmented = tf.random.stateless_uniform((), seed + 1) < fraction
            inputs = tf.cond(
                is_augmented,
                lambda: augment(images, seed, config.max_shift_x_px, config.max_shift_y_px),
                lambda: shift(images, seed, config.max_shift_x_px, config.max_shift_y_px),
            )
            return tf.ensure_shape(inputs, images.shape), labels

        gather = _build_gather(self._split)
        row_batches = tf.data.Dataset.from_generator(
            list_batches,
            output_signature=(
                tf.TensorSpec((), tf.int64),
                tf.TensorSpec((), tf.int64),
                tf.TensorSpec((None,), tf.int64),
            ),
        ).apply(tf.data.experimental.assert_cardinality(self.steps_per_epoch))
        return row_batches.map(prepare).prefetch(4)

    def iterate_plain(self) -> Iterator[tf.Tensor]:
        """Yield the first images of the epoch without augmentation, uint8 (B, height, width)."""
        size = self._config.batch_size
        rows = self._rows[: _RECALIBRATION_BATCHES * size]
        # Drop the last incomplete batch, unless it is the only one.
        stop = max(len(rows) // size, 1) * size
        for start in range(0, min(stop, len(rows)), size):
            yield tf.constant(self._split.images[rows[start : start + size]])


def build_evaluation_batches(split: Split) -> tf.data.Dataset:
    """Return batches of a whole split in order, without augmentation.

    Returns:
        (uint8 (B, height, width), one-hot float32 (B, length, classes)).
    """
    rows = tf.data.Dataset.range(len(split)).batch(EVALUATION_BATCH_SIZE)
    return rows.map(_build_gather(split)).prefetch(4)


def _build_gather(split: Split) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Return a function from row numbers to images and one-hot labels.

    NumPy gathers the images from the memory map; a tensor would hold all of them in memory.
    """
    spec = split.spec
    labels = tf.constant(split.labels)

    def gather(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        images = tf.numpy_function(
            lambda chosen: split.images[chosen], [rows], tf.uint8, stateful=False
        )
        images = tf.ensure_shape(images, (None, spec.height, spec.width))
        classes = tf.gather(labels, rows)
        # Without a label, all classes are equally likely.
        unknown = tf.cast(classes == NO_LABEL, tf.float32)[..., tf.newaxis] / spec.classes
        return images, tf.one_hot(classes, spec.classes) + unknown

    return gather
