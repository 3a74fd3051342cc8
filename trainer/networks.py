"""The networks: name -> builder.

Every network takes float32 (height, width, 1), 0 black to 1 white, and answers the probability
of each character at each position.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
from keras import layers

from shared.spec import CaptchaSpec


def build_course(spec: CaptchaSpec) -> keras.Model:
    """The course's CNN, layer by layer: 1,292,744 parameters for 4 digits at 160x60.

    Answers (length * classes,): one softmax per position, side by side.
    """
    inputs = layers.Input((spec.height, spec.width, 1), name="inputs")
    x = layers.Conv2D(32, (3, 3), name="conv1")(inputs)
    x = layers.Activation("relu", name="relu1")(x)
    x = layers.Conv2D(32, (3, 3), name="conv2")(x)
    x = layers.Activation("relu", name="relu2")(x)
    x = layers.MaxPooling2D((2, 2), padding="same", name="pool2")(x)
    x = layers.Conv2D(64, (3, 3), name="conv3")(x)
    x = layers.Activation("relu", name="relu3")(x)
    x = layers.MaxPooling2D((2, 2), padding="same", name="pool3")(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.25)(x)
    heads = [
        layers.Dense(spec.classes, activation="softmax", name=f"fc{position + 1}")(x)
        for position in range(spec.length)
    ]
    outputs = layers.Concatenate()(heads) if len(heads) > 1 else heads[0]
    return keras.Model(inputs, outputs, name="course")


def build_compact(spec: CaptchaSpec) -> keras.Model:
    """Enough for digits: blocks of 4x4 pixels become channels, four convolutions columns.

    Answers (length, classes).
    """
    inputs = layers.Input((spec.height, spec.width, 1), name="inputs")
    x = _to_blocks(inputs, 4)
    x = _convolve(x, 16, "stem")
    x = _convolve(x, 32, "halve", strides=2)
    x = layers.Add(name="join")([x, _convolve(x, 32, "refine")])
    # Half the rows at twice the width: a third of the multiply-adds, and reads no worse.
    x = _convolve(x, 64, "widen", strides=(2, 1))
    return keras.Model(inputs, _read(x, spec, 128), name="compact")


def build_wide(spec: CaptchaSpec) -> keras.Model:
    """For letters, which differ in less than digits do: blocks of 2x2 pixels, and more layers.

    A step takes six to eight times as long as the compact one's (docs/experiments.md). Answers
    (length, classes).
    """
    inputs = layers.Input((spec.height, spec.width, 1), name="inputs")
    x = _to_blocks(inputs, 2)
    x = _convolve(x, 24, "stem")
    x = _convolve(x, 48, "halve", strides=2)
    # Letters differ by parts of a pixel: more is to be seen before pixels are summed up.
    for name in ("sharpen", "compare"):
        x = layers.Add(name=f"{name}_join")([x, _convolve(x, 48, name)])
    x = _convolve(x, 96, "widen", strides=2)
    x = layers.Add(name="join")([x, _convolve(x, 96, "refine")])
    return keras.Model(inputs, _read(x, spec, 192, glances=2, neighbours=True), name="wide")


NETWORKS: dict[str, Callable[[CaptchaSpec], keras.Model]] = {
    "compact": build_compact,
    "wide": build_wide,
    "course": build_course,
}


def build_recogniser(network: str, spec: CaptchaSpec) -> keras.Model:
    """The named network between raw pixels and one shape of answer, so that all are served alike.

    uint8 (height, width) -> probabilities float32 (length, classes).
    """
    images = layers.Input((spec.height, spec.width), dtype="uint8", name="images")
    x = layers.Rescaling(1 / 255, name="normalise")(images)
    x = layers.Reshape((spec.height, spec.width, 1), name="grey")(x)
    x = NETWORKS[network](spec)(x)
    shape = (spec.length, spec.classes)
    if x.shape[1:] != shape:
        x = layers.Reshape(shape, name="positions")(x)
    return keras.Model(images, x, name="recogniser")


def _read(
    x: keras.KerasTensor,
    spec: CaptchaSpec,
    width: int,
    *,
    glances: int = 1,
    neighbours: bool = False,
) -> keras.KerasTensor:
    """(rows, columns, channels) -> (length, classes), by one classifier for all positions.

    It looks where an attention map points: columns become `width` features each, every position
    weighs the columns. What a character looks like is so learnt once instead of once per
    position, which is worth more than any size (docs/experiments.md).

    glances: attention maps for each position, so that sides of a character can be told apart.
    neighbours: a column's features are seen together with those of the columns beside it.
    """
    rows, columns, channels = x.shape[1:]
    x = layers.Permute((2, 1, 3), name="columns_first")(x)
    x = layers.Reshape((columns, rows * channels), name="columns")(x)
    features = _normalise(layers.Dense(width, use_bias=False, name="features")(x), "features")
    if neighbours:
        x = layers.Conv1D(width, 3, padding="same", use_bias=False, name="beside_conv")(features)
        features = layers.Add(name="beside_join")([features, _normalise(x, "beside")])
    # Where position i lies depends on the whole picture: all columns decide together.
    x = _normalise(layers.Dense(32, use_bias=False, name="summary")(features), "summary")
    maps = spec.length * glances
    x = layers.Dense(maps * columns, name="where")(layers.Flatten(name="flat")(x))
    x = layers.Reshape((maps, columns), name="maps")(x)
    attention = layers.Softmax(axis=-1, name="attention")(x)
    x = layers.Dot(axes=(2, 1), name="glimpses")([attention, features])
    if glances > 1:
        x = layers.Reshape((spec.length, glances * width), name="together")(x)
    x = layers.Dense(128, activation="relu", name="hidden")(x)
    return layers.Dense(spec.classes, activation="softmax", name="characters")(x)


def _to_blocks(x: keras.KerasTensor, side: int) -> keras.KerasTensor:
    """(height, width, 1) -> (height / side, width / side, side * side).

    The cheapest way to see pixels apart.
    """
    height, width, channels = x.shape[1:]
    bottom, right = -height % side, -width % side
    if bottom or right:
        x = layers.ZeroPadding2D(((0, bottom), (0, right)), name="pad")(x)
    rows, columns = (height + bottom) // side, (width + right) // side
    x = layers.Reshape((rows, side, columns, side * channels), name="cut")(x)
    x = layers.Permute((1, 3, 2, 4), name="gather")(x)
    return layers.Reshape((rows, columns, side * side * channels), name="blocks")(x)


def _convolve(
    x: keras.KerasTensor, filters: int, name: str, strides: int | tuple[int, int] = 1
) -> keras.KerasTensor:
    x = layers.Conv2D(
        filters, 3, strides=strides, padding="same", use_bias=False, name=f"{name}_conv"
    )(x)
    return _normalise(x, name)


def _normalise(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    # Without batch norm the first pass does not converge; the momentum suits a few passes.
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
