"""The medium network: the base model, and what is trained from it."""

from __future__ import annotations

import keras
from keras import layers

from shared.captchas.spec import CaptchaSpec
from trainer.networks.blocks import (
    attention_head,
    convolution,
    residual_convolution,
    space_to_depth,
)


def build_medium(spec: CaptchaSpec) -> keras.Model:
    """Build the network: 4x4 blocks, seven convolutions, counting attention over 4-pixel columns.

    float32 (height, width, 1) -> probabilities (length, classes).
    """
    inputs = layers.Input((spec.height, spec.width, 1), name="inputs")
    x = space_to_depth(inputs, 4)
    x = convolution(x, 24, "stem")
    # Fewer rows, but all columns: eight characters have five columns each.
    x = convolution(x, 48, "downsample", strides=(2, 1))
    x = residual_convolution(x, "refine")
    x = residual_convolution(x, "refine_2")
    x = convolution(x, 80, "widen", strides=(2, 1))
    x = residual_convolution(x, "refine_3")
    x = residual_convolution(x, "refine_4")
    outputs = attention_head(
        x, spec, 160, mix_neighbours=True, wide_context=True, count_characters=True
    )
    return keras.Model(inputs, outputs, name="medium")
