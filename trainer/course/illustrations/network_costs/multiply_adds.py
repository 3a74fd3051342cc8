"""Multiply-adds of a network: the multiplications of its layers for one image."""

from __future__ import annotations

import math

import keras
from keras import layers


def count_multiply_adds(network: keras.Model) -> int:
    """Return the multiply-adds of convolutions, dense layers and products of features.

    One multiplication with the addition that follows it counts as one. Additions alone, pooling,
    activations and normalisation are left out: they are below one percent of a convolution.

    Args:
        network: a functional model, with other models in it or not.
    """
    total = 0
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            total += count_multiply_adds(layer)
        elif isinstance(layer, (layers.Conv1D, layers.Conv2D)):
            # Each output value is a sum over a window of all input channels.
            window = math.prod(layer.kernel.shape[:-1])
            total += math.prod(layer.output.shape[1:]) * window
        elif isinstance(layer, layers.Dense):
            # The layer is applied to each row of a sequence.
            total += math.prod(layer.output.shape[1:]) * layer.kernel.shape[0]
        elif isinstance(layer, layers.Dot):
            left = layer.input[0].shape
            axis = layer.axes[0] if isinstance(layer.axes, (tuple, list)) else layer.axes
            total += math.prod(layer.output.shape[1:]) * left[axis]
    return total
