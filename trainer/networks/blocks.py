"""Blocks that several networks share.

Every layer states `channels_last`, so that a `keras.json` with another order changes no network.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import layers

from shared.captchas.spec import CaptchaSpec

SCORES = "scores"
"""Layer with the attention scores of all positions."""
CLASSIFIER = "characters"
"""Layer with the classes, shared by all positions."""
_INITIAL_CHARACTERS = 5.5
_INITIAL_SHARPNESS = 4.0  # the score falls by 1 at half a character from the middle


@keras.saving.register_keras_serializable(package="captcha_pipeline")
class CountingScores(layers.Layer):  # type: ignore[misc] # keras has no types
    """Attention scores that count the characters from the left.

    (columns, 1) -> (length, columns). The input is the number of characters per column, a fraction
    of one. Its cumulative sum says how many characters are to the left of a column; the score of
    position i is highest where the sum is i + 0.5, in the middle of a character. Scores from one
    dense layer alone must learn the location of each position for each layout of the text.

    Cumulative sums as alignment are from CIF (Dong and Xu, 2020, arXiv:1905.11235), which cuts them
    at whole numbers instead.
    """

    def __init__(self, length: int, **kwargs: Any) -> None:
        """Create the layer.

        Args:
            length: number of positions.
            kwargs: of `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self.length = length

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the one weight: how fast the score falls with the distance."""
        del input_shape
        initial = keras.initializers.Constant(_INITIAL_SHARPNESS)
        self.sharpness = self.add_weight(name="sharpness", shape=(), initializer=initial)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer, with which a `.keras` file creates it again."""
        config: dict[str, Any] = super().get_config()
        return config | {"length": self.length}

    def call(self, density: keras.KerasTensor) -> keras.KerasTensor:
        """Return the scores."""
        density = keras.ops.squeeze(density, -1)
        middles = keras.ops.cumsum(density, axis=-1) - density / 2
        positions = keras.ops.reshape(keras.ops.arange(self.length, dtype="float32"), (1, -1, 1))
        distance = keras.ops.expand_dims(middles, 1) - (positions + 0.5)
        return -self.sharpness * keras.ops.square(distance)


def space_to_depth(x: keras.KerasTensor, block: int) -> keras.KerasTensor:
    """Reshape blocks of pixels to channels; the cheapest first layer.

    (height, width, 1) -> (height / block, width / block, block * block), zero-padded.
    """
    height, width, channels = x.shape[1:]
    bottom, right = -height % block, -width % block
    if bottom or right:
        x = layers.ZeroPadding2D(
            ((0, bottom), (0, right)), data_format="channels_last", name="pad"
        )(x)
    rows, columns = (height + bottom) // block, (width + right) // block
    x = layers.Reshape((rows, block, columns, block * channels), name="split_blocks")(x)
    x = layers.Permute((1, 3, 2, 4), name="group_blocks")(x)
    return layers.Reshape((rows, columns, block * block * channels), name="blocks")(x)


def convolution(
    x: keras.KerasTensor, filters: int, name: str, strides: int | tuple[int, int] = 1
) -> keras.KerasTensor:
    """Apply a 3x3 convolution, batch normalisation and ReLU."""
    x = layers.Conv2D(
        filters,
        3,
        strides=strides,
        padding="same",
        use_bias=False,
        data_format="channels_last",
        name=f"{name}_conv",
    )(x)
    return batch_norm_relu(x, name)


def residual_convolution(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Add a convolution of a feature map to it, with ReLU after the sum.

    The convolution covers 3x3 pixels, or 3 columns. The layer starts as the identity (Goyal et al.,
    arXiv:1706.02677, section 5.1), so that it can be added to a trained network.
    """
    convolve = layers.Conv2D if len(x.shape) == 4 else layers.Conv1D
    y = convolve(
        x.shape[-1],
        3,
        padding="same",
        data_format="channels_last",
        use_bias=False,
        name=f"{name}_conv",
    )(x)
    y = layers.BatchNormalization(momentum=0.9, gamma_initializer="zeros", name=f"{name}_norm")(y)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([x, y]))


def batch_norm_relu(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Apply batch normalisation and ReLU.

    Without batch normalisation the first epoch does not converge. The momentum suits trainings of
    few epochs.
    """
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def flat_head(x: keras.KerasTensor, spec: CaptchaSpec) -> keras.KerasTensor:
    """Classify each position with a dense layer of its own, as the course does.

    (features,) -> (length * classes,), one softmax per position.
    """
    heads = [
        layers.Dense(spec.classes, activation="softmax", name=f"fc{position + 1}")(x)
        for position in range(spec.length)
    ]
    return layers.Concatenate()(heads) if len(heads) > 1 else heads[0]


def attention_head(
    x: keras.KerasTensor,
    spec: CaptchaSpec,
    width: int,
    *,
    maps_per_position: int = 1,
    mix_neighbours: bool = False,
    wide_context: bool = False,
    count_characters: bool = False,
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
        wide_context: whether to mix them once more, so that each column sees two on each side.
        count_characters: whether to add a term that depends on the number of characters to the
            left of a column.

    Raises:
        ValueError: if characters are counted and there are several maps per position.
    """
    rows, columns, channels = x.shape[1:]
    x = layers.Permute((2, 1, 3), name="columns_first")(x)
    x = layers.Reshape((columns, rows * channels), name="columns")(x)
    x = layers.Dense(width, use_bias=False, name="features")(x)
    features = batch_norm_relu(x, "features")
    if count_characters and maps_per_position > 1:
        raise ValueError("count_characters needs one attention map per position")
    if mix_neighbours:
        x = layers.Conv1D(
            width,
            3,
            padding="same",
            use_bias=False,
            data_format="channels_last",
            name="neighbours_conv",
        )(features)
        x = batch_norm_relu(x, "neighbours")
        features = layers.Add(name="neighbours_add")([features, x])
    if wide_context:
        features = residual_convolution(features, "columns")
    # The location of position i depends on the whole image, so the attention weights for each
    # position are computed from all columns.
    x = batch_norm_relu(layers.Dense(32, use_bias=False, name="summary")(features), "summary")
    maps = spec.length * maps_per_position
    x = layers.Dense(maps * columns, name=SCORES)(
        layers.Flatten(data_format="channels_last", name="flat")(x)
    )
    x = layers.Reshape((maps, columns), name="maps")(x)
    if count_characters:
        y = layers.Conv1D(
            32, 5, padding="same", use_bias=False, data_format="channels_last", name="density_conv"
        )(features)
        y = batch_norm_relu(y, "density")
        # The initial densities add up to a text of medium length.
        density = min(_INITIAL_CHARACTERS / columns, 0.5)
        bias = keras.initializers.Constant(math.log(density / (1 - density)))
        y = layers.Dense(1, activation="sigmoid", bias_initializer=bias, name="density")(y)
        x = layers.Add(name="counted")([x, CountingScores(spec.length, name="counting")(y)])
    attention = layers.Softmax(axis=-1, name="attention")(x)
    x = layers.Dot(axes=(2, 1), name="attended")([attention, features])
    if maps_per_position > 1:
        x = layers.Reshape((spec.length, maps_per_position * width), name="joined_maps")(x)
    x = layers.Dense(128, activation="relu", name="hidden")(x)
    return layers.Dense(spec.classes, activation="softmax", name=CLASSIFIER)(x)
