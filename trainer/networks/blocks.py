"""Blocks that several networks share."""

from __future__ import annotations

import keras
from keras import layers

from shared.spec import CaptchaSpec

SCORES = "scores"
"""Layer with the attention scores of all positions."""
CLASSIFIER = "characters"
"""Layer with the classes, shared by all positions."""


def space_to_depth(x: keras.KerasTensor, block: int) -> keras.KerasTensor:
    """Reshape blocks of pixels to channels; the cheapest first layer.

    (height, width, 1) -> (height / block, width / block, block * block), zero-padded.
    """
    height, width, channels = x.shape[1:]
    bottom, right = -height % block, -width % block
    if bottom or right:
        x = layers.ZeroPadding2D(((0, bottom), (0, right)), name="pad")(x)
    rows, columns = (height + bottom) // block, (width + right) // block
    x = layers.Reshape((rows, block, columns, block * channels), name="split_blocks")(x)
    x = layers.Permute((1, 3, 2, 4), name="group_blocks")(x)
    return layers.Reshape((rows, columns, block * block * channels), name="blocks")(x)


def convolution(
    x: keras.KerasTensor, filters: int, name: str, strides: int | tuple[int, int] = 1
) -> keras.KerasTensor:
    """Apply a 3x3 convolution, batch normalisation and ReLU."""
    x = layers.Conv2D(
        filters, 3, strides=strides, padding="same", use_bias=False, name=f"{name}_conv"
    )(x)
    return batch_norm_relu(x, name)


def batch_norm_relu(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Apply batch normalisation and ReLU.

    Without batch normalisation the first epoch does not converge. The momentum suits trainings of
    few epochs.
    """
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def attention_head(
    x: keras.KerasTensor,
    spec: CaptchaSpec,
    width: int,
    *,
    maps_per_position: int = 1,
    mix_neighbours: bool = False,
) -> keras.KerasTensor:
    """Classify each position with attention over columns and one shared classifier.

    (rows, columns, channels) -> (length, classes). Each column becomes `width` features. The
    attention weights for each position are computed from all columns. One classifier for all
    positions learns each character once, which improves the accuracy more than any increase in size
    (docs/experiments.md).

    Args:
        x: feature map.
        spec: the captchas.
        width: features per column.
        maps_per_position: attention maps per position, so that parts of a character get separate
            weights.
        mix_neighbours: whether to mix the features of adjacent columns.
    """
    rows, columns, channels = x.shape[1:]
    x = layers.Permute((2, 1, 3), name="columns_first")(x)
    x = layers.Reshape((columns, rows * channels), name="columns")(x)
    x = layers.Dense(width, use_bias=False, name="features")(x)
    features = batch_norm_relu(x, "features")
    if mix_neighbours:
        x = layers.Conv1D(width, 3, padding="same", use_bias=False, name="neighbours_conv")(
            features
        )
        x = batch_norm_relu(x, "neighbours")
        features = layers.Add(name="neighbours_add")([features, x])
    # The location of position i depends on the whole image, so the attention weights for each
    # position are computed from all columns.
    x = batch_norm_relu(layers.Dense(32, use_bias=False, name="summary")(features), "summary")
    maps = spec.length * maps_per_position
    x = layers.Dense(maps * columns, name=SCORES)(layers.Flatten(name="flat")(x))
    x = layers.Reshape((maps, columns), name="maps")(x)
    attention = layers.Softmax(axis=-1, name="attention")(x)
    x = layers.Dot(axes=(2, 1), name="attended")([attention, features])
    if maps_per_position > 1:
        x = layers.Reshape((spec.length, maps_per_position * width), name="joined_maps")(x)
    x = layers.Dense(128, activation="relu", name="hidden")(x)
    return layers.Dense(spec.classes, activation="softmax", name=CLASSIFIER)(x)
