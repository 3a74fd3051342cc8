"""VGG-16, sized for captchas."""

from __future__ import annotations

import keras
from keras import layers

from shared.captchas.spec import CaptchaSpec
from trainer.networks.blocks import flat_head


def build_vgg(spec: CaptchaSpec) -> keras.Model:
    """Build VGG-16 (configuration D) for grey captchas.

    float32 (height, width, 1) -> probabilities (length * classes,).

    The thirteen 3x3 convolutions, five poolings and two hidden layers of Simonyan and Zisserman,
    "Very Deep Convolutional Networks for Large-Scale Image Recognition" (2015), with a quarter of
    the filters and an eighth of the hidden units. Batch normalisation, which is newer, lets it
    converge without the authors' pretraining of shallower networks.
    """
    x = inputs = layers.Input((spec.height, spec.width, 1), name="inputs")
    for block, (filters, count) in enumerate(((16, 2), (32, 2), (64, 3), (128, 3), (128, 3)), 1):
        for i in range(1, count + 1):
            name = f"conv{block}_{i}"
            x = layers.Conv2D(
                filters, 3, padding="same", use_bias=False, data_format="channels_last", name=name
            )(x)
            x = layers.BatchNormalization(momentum=0.9, name=f"norm{block}_{i}")(x)
            x = layers.ReLU(name=f"relu{block}_{i}")(x)
        x = layers.MaxPooling2D(
            2, padding="same", data_format="channels_last", name=f"pool{block}"
        )(x)
    x = layers.Flatten(data_format="channels_last", name="flat")(x)
    for name in ("hidden6", "hidden7"):
        x = layers.Dense(512, activation="relu", name=name)(x)
        x = layers.Dropout(0.5, name=f"dropout{name[-1]}")(x)
    return keras.Model(inputs, flat_head(x, spec), name="vgg")
