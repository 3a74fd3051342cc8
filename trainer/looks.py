"""An answer from several looks at a captcha, each from a little further aside.

Where strokes fall on the grid of blocks moves an answer by chance; the mean of two looks has less
of it. "10-crop testing" of Krizhevsky et al., "ImageNet Classification with Deep Convolutional
Neural Networks" (2012), does the same.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import layers, ops

# Odd, so that blocks of 2x2 and of 4x4 pixels are cut elsewhere (docs/experiments.md).
_STEP_PX = 3
_LEAST = 1e-9  # the logarithm of nothing is not finite


def list_offsets(looks: int) -> list[int]:
    """By how many pixels each look is moved to the left: 0 is among them."""
    return [_STEP_PX * (look - (looks - 1) // 2) for look in range(looks)]


def look_again(recogniser: keras.Model, looks: int) -> keras.Model:
    """The same recogniser, whose answer is the geometric mean of so many looks.

    uint8 (B, height, width) -> probabilities float32 (B, length, classes), as before. It takes
    `looks` times as long.
    """
    if looks == 1:
        return recogniser
    images = layers.Input(recogniser.input_shape[1:], dtype="uint8", name="images")
    answers = [recogniser(_move(images, offset)) for offset in list_offsets(looks)]
    mean = sum(ops.log(ops.maximum(answer, _LEAST)) for answer in answers) / looks
    return keras.Model(images, ops.softmax(mean, axis=-1), name="looks")


def _move(images: keras.KerasTensor, left: int) -> keras.KerasTensor:
    """Moved to the left; the column at the edge is repeated, for that is mostly paper."""
    width = images.shape[2]
    return ops.take(images, np.clip(np.arange(width) + left, 0, width - 1), axis=2)
