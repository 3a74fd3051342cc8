"""AlexNet, sized for captchas."""

from __future__ import annotations

import keras
from keras import layers

from shared.captchas.spec import CaptchaSpec
from trainer.networks.blocks import flat_head


def build_alexnet(spec: CaptchaSpec) -> keras.Model:
    """Build AlexNet for grey captchas.

    float32 (height, width, 1) -> probabilities (length * classes,).

    The five convolutions, three poolings and two hidden layers of Krizhevsky, Sutskever and Hinton,
    "ImageNet Classification with Deep Convolutional Neural Networks" (2012), with a quarter of the
    filters and an eighth of the hidden units. The first convolution has 7x7 pixels and stride 2
    instead of 11x11 and 4, because a captcha has a tenth of the pixels. Local response
    normalisation and the split over two GPUs are left out.
    """
    x = inputs = layers.Input((spec.height, spec.width, 1), name="inputs")
    for name, filters, size, strides, has_pool in (
        ("conv1", 24, 7, 2, True),
        ("conv2", 64, 5, 1, True),
        ("conv3", 96, 3, 1, False),
        ("conv4", 96, 3, 1, False),
        ("conv5", 64, 3, 1, True),
    ):
        x = layers.Conv2D(
            filters,
            size,
            strides=strides,
            padding="same",
            data_format="channels_last",
            activation="relu",
            name=name,
        )(x)
        if has_pool:
            x = layers.MaxPooling2D(
                3, strides=2, padding="same", data_format="channels_last", name=f"pool{name[-1]}"
            )(x)
    x = layers.Flatten(data_format="channels_last", name="flat")(x)
    for name in ("hidden6", "hidden7"):
        x = layers.Dense(512, activation="relu", name=name)(x)
        x = layers.Dropout(0.5, name=f"dropout{name[-1]}")(x)
    return keras.Model(inputs, flat_head(x, spec), name="alexnet")
