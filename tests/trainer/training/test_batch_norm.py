"""Batch normalisation is recalibrated on captchas without augmentation."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import numpy.typing as npt
import pytest
from keras import layers

from tests.trainer.training.fakes import FakeModel, attach
from trainer.training.batch_norm import BatchNormRecalibration, freeze, recalibrate

Images = npt.NDArray[np.uint8]


def build() -> keras.Model:
    """Build a network with one batch normalisation in it and one in a network within."""
    inner_inputs = layers.Input((4,))
    x = layers.BatchNormalization(momentum=0.9, name="inner")(inner_inputs)
    inner = keras.Model(inner_inputs, layers.Dense(2, name="dense")(x))
    inputs = layers.Input((2, 2), dtype="uint8")
    x = layers.Flatten()(layers.Rescaling(1 / 255)(inputs))
    outputs = layers.BatchNormalization(momentum=0.8, name="outer")(inner(x))
    return keras.Model(inputs, outputs)


def list_norms(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    (inner,) = (layer for layer in model.layers if isinstance(layer, keras.Model))
    return [inner.get_layer("inner"), model.get_layer("outer")]


@pytest.fixture
def batches() -> list[Images]:
    rng = np.random.default_rng(1)
    return [rng.integers(256, size=(8, 2, 2), dtype=np.uint8) for _ in range(3)]


def test_the_statistics_are_the_means_over_the_batches(batches: list[Images]) -> None:
    model = build()
    recalibrate(model, batches)
    seen = [images.reshape(8, 4) / 255 for images in batches]
    inner = list_norms(model)[0]
    assert inner.moving_mean.numpy() == pytest.approx(np.mean([x.mean(axis=0) for x in seen], 0))
    assert inner.moving_variance.numpy() == pytest.approx(np.mean([x.var(axis=0) for x in seen], 0))


def test_every_batch_normalisation_is_recalibrated(batches: list[Images]) -> None:
    model = build()
    norms = list_norms(model)
    before = [norm.moving_mean.numpy() for norm in norms]
    recalibrate(model, batches)
    for norm, mean in zip(norms, before, strict=True):
        assert not np.array_equal(norm.moving_mean.numpy(), mean)


def test_earlier_statistics_do_not_matter(batches: list[Images]) -> None:
    model = build()
    recalibrate(model, batches)
    expected = model.get_weights()
    for _ in range(3):
        model(np.zeros((8, 2, 2), np.uint8), training=True)
    assert not np.array_equal(model.get_weights()[2], expected[2])
    recalibrate(model, batches)
    for a, b in zip(model.get_weights(), expected, strict=True):
        assert np.array_equal(a, b)


def test_the_momenta_are_restored(batches: list[Images]) -> None:
    model = build()
    recalibrate(model, batches)
    assert [norm.momentum for norm in list_norms(model)] == [0.9, 0.8]


def test_the_momenta_are_restored_after_an_error(batches: list[Images]) -> None:
    def fail() -> Iterator[Images]:
        yield batches[0]
        raise OSError("the disk is gone")

    model = build()
    with pytest.raises(OSError, match="the disk is gone"):
        recalibrate(model, fail())
    assert [norm.momentum for norm in list_norms(model)] == [0.9, 0.8]


def test_a_frozen_network_trains_without_changing_its_statistics(batches: list[Images]) -> None:
    model = build()
    assert freeze(model)
    before = [norm.get_weights() for norm in list_norms(model)]
    dense = model.layers[-2].get_layer("dense").get_weights()
    model.compile(optimizer="sgd", loss="mse")
    model.fit(batches[0], np.ones((8, 2)), verbose=0)
    for norm, weights in zip(list_norms(model), before, strict=True):
        assert all(map(np.array_equal, norm.get_weights(), weights))
    assert not np.array_equal(model.layers[-2].get_layer("dense").get_weights()[0], dense[0])


def test_a_network_without_batch_normalisation_is_left_alone() -> None:
    def fail() -> Iterator[Images]:
        raise AssertionError("no batch is needed")
        yield

    inputs = layers.Input((2, 2), dtype="uint8")
    recalibrate(keras.Model(inputs, layers.Flatten()(inputs)), fail())


class Batches:
    """Training batches without augmentation."""

    def __init__(self, batches: list[Images]) -> None:
        self.batches = batches

    def iterate_plain(self) -> Iterator[Images]:
        yield from self.batches


def test_the_callback_recalibrates_when_a_validation_begins(batches: list[Images]) -> None:
    model, expected = build(), build()
    expected.set_weights(model.get_weights())
    recalibrate(expected, batches)
    callback = BatchNormRecalibration(model, Batches(batches))  # type: ignore[arg-type]
    attach(callback, FakeModel()).on_test_begin()
    for a, b in zip(model.get_weights(), expected.get_weights(), strict=True):
        assert np.array_equal(a, b)
