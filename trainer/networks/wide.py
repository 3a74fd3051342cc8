"""The wide network, for charsets with letters."""

from __future__ import annotations

import keras
from keras import layers

from shared.captchas.spec import CaptchaSpec
from trainer.networks.blocks import attention_head, convolution, space_to_depth


def build_wide(spec: CaptchaSpec) -> keras.Model:
    """Build the network: 2x2 blocks, six convolutions, two attention maps per position.

    float32 (height, width, 1) -> probabilities (length, classes). A step takes six to eight times
    as long as one of the compact network (docs/experiments.md).
    """
    inputs = layers.Input((spec.height, spec.width, 1), name="inputs")
    x = space_to_depth(inputs, 2)
    x = convolution(x, 24, "stem")
    x = convolution(x, 48, "downsample", strides=2)
    # Letters differ by fractions of a pixel, so there are more layers at this resolution.
    for name in ("fine_1", "fine_2"):
        x = layers.Add(name=f"{name}_add")([x, convolution(x, 48, name)])
    x = convolution(x, 96, "widen", strides=2)
    x = layers.Add(name="residual_add")([x, convolution(x, 96, "residual")])
    outputs = attention_head(x, spec, 192, maps_per_position=2, mix_neighbours=True)
    return keras.Model(inputs, outputs, name="wide")
