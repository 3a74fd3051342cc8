"""Multiply-adds, compared with numbers computed by hand."""

from __future__ import annotations

import keras
import pytest
from keras import layers

from tests.conftest import SPEC
from trainer.course.illustrations.network_costs.multiply_adds import count_multiply_adds
from trainer.networks import NETWORKS, build_recogniser


def count(shape: tuple[int, ...], *chain: layers.Layer) -> int:
    inputs = x = layers.Input(shape)
    for layer in chain:
        x = layer(x)
    return count_multiply_adds(keras.Model(inputs, x))


@pytest.mark.parametrize(
    ("shape", "layer", "expected"),
    [
        # 3x3 windows of 2 channels, at 4 x 6 places, for 5 filters.
        ((6, 8, 2), layers.Conv2D(5, 3, data_format="channels_last"), 9 * 2 * 24 * 5),
        ((6, 8, 2), layers.Conv2D(5, 3, strides=2, padding="same"), 9 * 2 * 12 * 5),
        ((10, 4), layers.Conv1D(3, 5, padding="same"), 5 * 4 * 10 * 3),
        ((7,), layers.Dense(3), 21),
        # A dense layer is applied to each of 10 rows.
        ((10, 7), layers.Dense(3), 210),
        ((6, 8, 2), layers.MaxPooling2D(2), 0),
    ],
)
def test_a_layer_has_the_multiply_adds_of_its_formula(
    shape: tuple[int, ...], layer: layers.Layer, expected: int
) -> None:
    assert count(shape, layer) == expected


def test_a_product_of_features_counts() -> None:
    left, right = layers.Input((4, 10)), layers.Input((10, 6))
    network = keras.Model([left, right], layers.Dot(axes=(2, 1))([left, right]))
    assert count_multiply_adds(network) == 4 * 10 * 6


def test_the_network_of_the_course_has_121_million() -> None:
    convolutions = 58 * 158 * 32 * 9 + 56 * 156 * 32 * 32 * 9 + 26 * 76 * 64 * 32 * 9
    dense = 4 * 10 * 13 * 38 * 64
    assert count_multiply_adds(NETWORKS["course"](SPEC)) == convolutions + dense == 120_836_480
    # The network inside of a recogniser counts as it does alone.
    assert count_multiply_adds(build_recogniser("course", SPEC)) == convolutions + dense
