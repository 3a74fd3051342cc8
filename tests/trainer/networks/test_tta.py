"""Test-time augmentation predicts the geometric mean over shifted views."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, ops

from trainer.networks.tta import (
    TestTimeAugmentation,
    add_test_time_augmentation,
    list_offsets,
)

HEIGHT, WIDTH = 2, 16
IMAGES = np.random.default_rng(1).integers(1, 256, (3, HEIGHT, WIDTH), dtype=np.uint8)


class Brightness(layers.Layer):  # type: ignore[misc]
    """Predicts (1, WIDTH): the brightness of each column of the first row, half if trained."""

    def build(self, input_shape: tuple[int, ...]) -> None:
        self.scale = self.add_weight(shape=(), initializer="ones", name="scale")

    def call(self, images: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        factor = 0.5 if training else 1.0
        return ops.cast(images[:, :1], "float32") / 255 * factor * self.scale


@pytest.fixture(scope="module")
def recogniser() -> keras.Model:
    images = layers.Input((HEIGHT, WIDTH), dtype="uint8")
    return keras.Model(images, Brightness()(images))


@pytest.mark.parametrize(
    ("views", "offsets"), [(1, [0]), (2, [0, 3]), (3, [-3, 0, 3]), (4, [-3, 0, 3, 6])]
)
def test_one_of_the_views_is_not_shifted(views: int, offsets: list[int]) -> None:
    assert list_offsets(views) == offsets


def test_a_single_view_is_the_recogniser_itself(recogniser: keras.Model) -> None:
    assert add_test_time_augmentation(recogniser, 1) is recogniser


@pytest.mark.parametrize("views", [2, 3])
def test_the_prediction_is_the_normalised_geometric_mean_of_the_views(
    recogniser: keras.Model, views: int
) -> None:
    model = add_test_time_augmentation(recogniser, views)
    assert isinstance(model, TestTimeAugmentation)
    columns = np.arange(WIDTH)
    shifted = [
        IMAGES[:, :1, np.clip(columns + offset, 0, WIDTH - 1)] / 255
        for offset in list_offsets(views)
    ]
    mean = np.prod(shifted, axis=0) ** (1 / views)
    expected = mean / mean.sum(axis=-1, keepdims=True)
    assert model(IMAGES).numpy() == pytest.approx(expected, rel=1e-5)
    assert model.predict(IMAGES, verbose=0) == pytest.approx(expected, rel=1e-5)


def test_while_it_is_trained_it_predicts_from_one_view(recogniser: keras.Model) -> None:
    model = add_test_time_augmentation(recogniser, 2)
    expected = IMAGES[:, :1] / 255 / 2
    assert model(IMAGES, training=True).numpy() == pytest.approx(expected)


def test_a_probability_of_zero_counts_as_a_billionth(recogniser: keras.Model) -> None:
    model = add_test_time_augmentation(recogniser, 2)
    images = np.zeros((1, HEIGHT, WIDTH), np.uint8)
    images[..., 8] = 255  # column 5 of the shifted view
    probabilities = model(images).numpy()[0, 0]
    weights = np.full(WIDTH, 1e-9)
    weights[[5, 8]] = 1e-9**0.5
    assert probabilities == pytest.approx(weights / weights.sum(), rel=1e-3)


def test_it_shares_its_weights_with_the_recogniser(recogniser: keras.Model) -> None:
    model = add_test_time_augmentation(recogniser, 2)
    assert model.built
    assert model.name == "test_time_augmentation"
    assert [w is v for w, v in zip(model.weights, recogniser.weights, strict=True)] == [True]
