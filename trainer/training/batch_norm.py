"""Recalibration of batch-normalisation statistics before a validation.

During training a layer keeps running averages over the last batches. If some of these were
augmented, the averages do not match captchas without augmentation: with a tenth of the batches
augmented, the accuracy of a network fell from 94 % to 49 % (docs/experiments.md). Precise batch
normalisation measures the statistics anew: Wu and Johnson, "Rethinking 'Batch' in BatchNorm"
(2021).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import keras
import numpy as np
import tensorflow as tf

from trainer.data.batches import TrainingBatches


class BatchNormRecalibration(keras.callbacks.Callback):  # type: ignore[misc]
    """Recalibrates batch normalisation before each validation.

    Keras has nothing for this. `on_epoch_end` would be too late, because it follows the validation.
    The captchas are those of the epoch, since the statistics also depend on the mix of subsets: on
    another mix the accuracy fell from 98 % to 91 %.
    """

    def __init__(self, recogniser: keras.Model, batches: TrainingBatches) -> None:
        super().__init__()
        self._recogniser, self._batches = recogniser, batches

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        """Recalibrate on captchas of the epoch, without augmentation."""
        recalibrate(self._recogniser, self._batches.iterate_plain())


def recalibrate(model: keras.Model, batches: Iterable[tf.Tensor]) -> None:
    """Set mean and variance of every batch normalisation to their averages over batches.

    Args:
        model: any model; nothing happens if it has no batch normalisation.
        batches: uint8 (B, height, width), of the size of the training batches.
    """
    norms = list(_find_batch_norms(model))
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    batch_statistics = []
    try:
        for norm in norms:
            norm.momentum = 0.0  # the moving averages then equal the statistics of the last batch
        for images in batches:
            model(images, training=True)
            batch_statistics.append([v.numpy() for norm in norms for v in _statistics_of(norm)])
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
    variables = [variable for norm in norms for variable in _statistics_of(norm)]
    for variable, values in zip(variables, zip(*batch_statistics, strict=True), strict=True):
        variable.assign(np.mean(values, axis=0))


def freeze(model: keras.Model) -> bool:
    """Keep every batch normalisation as it is, and return whether there is one.

    Statistics of a hundred captchas are worse than those of the many that the initial weights were
    trained on (docs/experiments.md). Compile the model afterwards.
    """
    norms = list(_find_batch_norms(model))
    for norm in norms:
        norm.trainable = False
    return bool(norms)


def _statistics_of(norm: keras.layers.BatchNormalization) -> tuple[keras.Variable, keras.Variable]:
    return norm.moving_mean, norm.moving_variance


def _find_batch_norms(model: keras.Model) -> Iterator[keras.layers.BatchNormalization]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _find_batch_norms(layer)
        elif isinstance(layer, keras.layers.BatchNormalization):
            yield layer
