"""Batch normalisation's statistics, measured on what a pass was trained on.

While training, a layer keeps running averages over the last few batches. Whichever of these were
varied then decide how a plain captcha is normalised: with a tenth of the batches varied, a network
that read 94 % read 49 % (docs/experiments.md). So they are measured anew, as Wu and Johnson propose
("Rethinking Batch in BatchNorm", 2021): on captchas that are not varied, but with as many of each
kind as were trained on, since each was normalised among those (of 98 % read, 91 % were left).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np


def measure_statistics(recogniser: keras.Model, batches: Iterable[Any]) -> None:
    """Sets mean and variance of every batch normalisation to their averages over `batches`.

    batches: uint8 (B, height, width), as large as those trained with. Nothing else changes; a
    network without such layers is left alone.
    """
    norms = list(_find_norms(recogniser))
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    seen = []
    try:
        for norm in norms:
            norm.momentum = 0.0  # what a layer keeps is then the last batch's alone
        for images in batches:
            recogniser(images, training=True)
            seen.append([value.numpy() for norm in norms for value in _kept_by(norm)])
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
    values = [value for norm in norms for value in _kept_by(norm)]
    for value, batch_values in zip(values, zip(*seen, strict=True), strict=True):
        value.assign(np.mean(batch_values, axis=0))


def _kept_by(norm: keras.layers.BatchNormalization) -> tuple[Any, Any]:
    return norm.moving_mean, norm.moving_variance


def _find_norms(model: keras.Model) -> Iterator[keras.layers.BatchNormalization]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _find_norms(layer)
        elif isinstance(layer, keras.layers.BatchNormalization):
            yield layer
