"""Blocks that the networks share."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from shared.captchas.spec import CaptchaSpec
from trainer.networks.blocks import (
    CountingScores,
    attention_head,
    batch_norm_relu,
    convolution,
    residual_convolution,
    space_to_depth,
)

SPEC = CaptchaSpec("abc", length=2)


@pytest.mark.parametrize(
    ("size", "block", "shape"),
    [((4, 8), 2, (2, 4, 4)), ((4, 8), 4, (1, 2, 16)), ((3, 5), 2, (2, 3, 4))],
)
def test_blocks_of_pixels_become_channels(
    size: tuple[int, int], block: int, shape: tuple[int, int, int]
) -> None:
    images = np.arange(1, size[0] * size[1] + 1, dtype=np.float32).reshape(1, *size, 1)
    inputs = layers.Input((*size, 1))
    found = keras.Model(inputs, space_to_depth(inputs, block))(images).numpy()[0]
    assert found.shape == shape
    rows, columns, _ = shape
    padded = np.zeros((rows * block, columns * block), np.float32)
    padded[: size[0], : size[1]] = images[0, :, :, 0]
    for row in range(rows):
        for column in range(columns):
            top, left = row * block, column * block
            pixels = padded[top : top + block, left : left + block]
            assert found[row, column].tolist() == pixels.ravel().tolist()


def test_batch_normalisation_has_a_momentum_for_few_epochs() -> None:
    inputs = layers.Input((3,))
    network = keras.Model(inputs, batch_norm_relu(inputs, "x"))
    assert network.get_layer("x_norm").momentum == 0.9
    assert network(np.array([[-1.0, 0.0, 2.0]])).numpy() == pytest.approx(
        np.array([[0, 0, 2 / np.sqrt(1.001)]])
    )


@pytest.mark.parametrize(
    ("strides", "shape"), [(1, (6, 8, 5)), (2, (3, 4, 5)), ((2, 1), (3, 8, 5))]
)
def test_a_convolution_has_no_bias_and_its_strides(
    strides: int | tuple[int, int], shape: tuple[int, int, int]
) -> None:
    inputs = layers.Input((6, 8, 2))
    network = keras.Model(inputs, convolution(inputs, 5, "x", strides))
    assert network.output_shape[1:] == shape
    assert network.get_layer("x_conv").count_params() == 3 * 3 * 2 * 5


@pytest.mark.parametrize("maps_per_position", [1, 2])
@pytest.mark.parametrize("mix_neighbours", [False, True])
def test_the_attention_head_classifies_each_position(
    maps_per_position: int, mix_neighbours: bool
) -> None:
    inputs = layers.Input((2, 6, 3))
    outputs = attention_head(
        inputs, SPEC, 4, maps_per_position=maps_per_position, mix_neighbours=mix_neighbours
    )
    network = keras.Model(inputs, outputs)
    probabilities = network(np.random.default_rng(1).random((5, 2, 6, 3), np.float32)).numpy()
    assert probabilities.shape == (5, 2, 3)
    assert probabilities.sum(axis=-1) == pytest.approx(1)
    names = {layer.name for layer in network.layers}
    assert ("joined_maps" in names) == (maps_per_position == 2)
    assert ("neighbours_conv" in names) == mix_neighbours
    assert network.get_layer("attention").output.shape[1:] == (2 * maps_per_position, 6)
    assert network.get_layer("hidden").input.shape[1:] == (2, 4 * maps_per_position)


def test_the_attention_weighs_the_features_of_the_columns() -> None:
    inputs = layers.Input((2, 6, 3))
    head = keras.Model(inputs, attention_head(inputs, SPEC, 4))
    parts = keras.Model(
        inputs, [head.get_layer(name).output for name in ("attention", "features_relu", "attended")]
    )
    attention, features, attended = parts(np.random.default_rng(1).random((1, 2, 6, 3), np.float32))
    assert attention.numpy().sum(axis=-1) == pytest.approx(1)
    assert attended.numpy() == pytest.approx(attention.numpy() @ features.numpy(), rel=1e-4)


def test_the_counting_score_of_a_position_is_highest_in_the_middle_of_its_character() -> None:
    # A character every four columns, after two empty columns.
    density = np.array([0, 0, *[0.25] * 12], np.float32).reshape(1, 14, 1)
    scores = np.asarray(CountingScores(3)(density))
    assert scores.shape == (1, 3, 14)
    # The middle of character i is between two columns, which have the same score.
    for position, columns in enumerate(((3, 4), (7, 8), (11, 12))):
        assert set(np.argsort(scores[0, position])[-2:]) == set(columns)
        np.testing.assert_allclose(scores[0, position, list(columns)], -4 * 0.125**2, atol=1e-6)


def test_the_initial_densities_add_up_to_a_text_of_medium_length() -> None:
    inputs = keras.Input((2, 40, 8))
    head = keras.Model(inputs, attention_head(inputs, SPEC, 4, count_characters=True))
    density = head.get_layer("density")
    assert 40 / (1 + np.exp(-density.bias.numpy()[0])) == pytest.approx(5.5, rel=1e-4)


def test_characters_are_counted_with_one_map_per_position_only() -> None:
    inputs = keras.Input((2, 40, 8))
    with pytest.raises(ValueError, match="one attention map"):
        attention_head(inputs, SPEC, 4, maps_per_position=2, count_characters=True)


@pytest.mark.parametrize("shape", [(6, 8, 3), (8, 3)], ids=["pixels", "columns"])
def test_a_residual_convolution_starts_as_the_identity_and_can_learn(
    shape: tuple[int, ...],
) -> None:
    inputs = keras.Input(shape)
    model = keras.Model(inputs, residual_convolution(inputs, "refine"))
    x = np.abs(np.random.default_rng(0).normal(size=(2, *shape))).astype(np.float32)
    assert model(x).numpy() == pytest.approx(x)
    model.compile("sgd", "mse")
    model.fit(x, 2 * x, verbose=0)
    assert np.abs(model(x).numpy() - x).max() > 1e-4
