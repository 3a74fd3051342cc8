"""Network architectures, by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import keras
from keras import layers

from shared.captchas.spec import CaptchaSpec
from trainer.config import NetworkName
from trainer.networks.alexnet import build_alexnet
from trainer.networks.compact import build_compact
from trainer.networks.course import build_course
from trainer.networks.medium import build_medium
from trainer.networks.vgg import build_vgg
from trainer.networks.wide import build_wide

NETWORKS: dict[NetworkName, Callable[[CaptchaSpec], keras.Model]] = {
    "compact": build_compact,
    "medium": build_medium,
    "wide": build_wide,
    "course": build_course,
    "alexnet": build_alexnet,
    "vgg": build_vgg,
}
"""Builders. A network takes float32 (height, width, 1), 0 black to 1 white."""


def build_recogniser(
    network: NetworkName, spec: CaptchaSpec, input_size: tuple[int, int] | None = None
) -> keras.Model:
    """Build a network with normalisation and a uniform output shape.

    uint8 (height, width) -> probabilities float32 (length, classes).

    Args:
        network: name of the architecture.
        spec: the captchas.
        input_size: width and height to which the network scales the images, in pixels; None means
            the size of the captchas.
    """
    input_size = input_size or (spec.width, spec.height)
    images = layers.Input((spec.height, spec.width), dtype="uint8", name="images")
    x = layers.Rescaling(1 / 255, name="normalise")(images)
    x = layers.Reshape((spec.height, spec.width, 1), name="grey")(x)
    if input_size != (spec.width, spec.height):
        width, height = input_size
        # Not the layer Resizing: without `training=False` it lets the whole model run as in
        # training.
        x = keras.ops.image.resize(x, (height, width), data_format="channels_last")
    sized = dataclasses.replace(spec, width=input_size[0], height=input_size[1])
    x = NETWORKS[network](sized)(x)
    shape = (spec.length, spec.classes)
    if x.shape[1:] != shape:
        x = layers.Reshape(shape, name="positions")(x)
    return keras.Model(images, x, name="recogniser")
