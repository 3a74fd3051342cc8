"""The compact network, for digits and for quick trainings."""

from __future__ import annotations

import keras
from keras import layers

from shared.captchas.spec import CaptchaSpec
from trainer.networks.blocks import attention_head, convolution, space_to_depth


def build_compact(spec: CaptchaSpec) -> keras.Model:
    """Build the network: 4x4 blocks, four convolutions, attention over columns.

    float32 (height, width, 1) -> probabilities (length, classes).
    """
    inputs = layers.Input((spec.height, spec.width, 1), name="inputs")
    x = space_to_depth(inputs, 4)
    x = convolution(x, 16, "stem")
    x = convolution(x, 32, "downsample", strides=2)
    x = layers.Add(name="residual_add")([x, convolution(x, 32, "residual")])
    # Half the rows with twice the channels: a third of the multiply-adds, equal accuracy.
    x = convolution(x, 64, "widen", strides=(2, 1))
    return keras.Model(inputs, attention_head(x, spec, 128), name="compact")
