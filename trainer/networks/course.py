"""The course's CNN."""

from __future__ import annotations

import keras
from keras import layers

from shared.captchas.spec import CaptchaSpec
from trainer.networks.blocks import flat_head


def build_course(spec: CaptchaSpec) -> keras.Model:
    """Build the course's CNN layer by layer: 1,292,744 parameters for 4 digits at 160x60.

    float32 (height, width, 1) -> probabilities (length * classes,), one softmax per position.
    """
    inputs = layers.Input((spec.height, spec.width, 1), name="inputs")
    x = layers.Conv2D(32, (3, 3), data_format="channels_last", name="conv1")(inputs)
    x = layers.Activation("relu", name="relu1")(x)
    x = layers.Conv2D(32, (3, 3), data_format="channels_last", name="conv2")(x)
    x = layers.Activation("relu", name="relu2")(x)
    x = layers.MaxPooling2D((2, 2), padding="same", data_format="channels_last", name="pool2")(x)
    x = layers.Conv2D(64, (3, 3), data_format="channels_last", name="conv3")(x)
    x = layers.Activation("relu", name="relu3")(x)
    x = layers.MaxPooling2D((2, 2), padding="same", data_format="channels_last", name="pool3")(x)
    x = layers.Flatten(data_format="channels_last")(x)
    x = layers.Dropout(0.25)(x)
    return keras.Model(inputs, flat_head(x, spec), name="course")
