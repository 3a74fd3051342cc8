"""Statistics of batch normalisation: of plain captchas, whatever came last in the training."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from shared.spec import CaptchaSpec
from trainer.batchnorm import measure_statistics
from trainer.networks import build_recogniser

SPEC = CaptchaSpec("01", 2, 64, 32)


@pytest.fixture
def batches() -> list[np.ndarray]:
    numbers = np.random.default_rng(1)
    return [numbers.integers(256, size=(8, 32, 64), dtype=np.uint8) for _ in range(3)]


def list_norms(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    (network,) = (layer for layer in model.layers if isinstance(layer, keras.Model))
    return [la for la in network.layers if isinstance(la, keras.layers.BatchNormalization)]


def test_they_are_the_averages_over_the_batches(batches: list[np.ndarray]) -> None:
    recogniser = build_recogniser("compact", SPEC)
    measure_statistics(recogniser, batches)
    (network,) = (layer for layer in recogniser.layers if isinstance(layer, keras.Model))
    stem = keras.Model(network.input, network.get_layer("stem_conv").output)
    seen = [stem(images[..., np.newaxis] / np.float32(255)).numpy() for images in batches]
    norm = network.get_layer("stem_norm")
    means = np.mean([x.mean(axis=(0, 1, 2)) for x in seen], axis=0)
    variances = np.mean([x.var(axis=(0, 1, 2)) for x in seen], axis=0)
    assert np.allclose(norm.moving_mean.numpy(), means, rtol=1e-3, atol=1e-5)
    assert np.allclose(norm.moving_variance.numpy(), variances, rtol=1e-3, atol=1e-5)


def test_what_a_network_has_seen_before_does_not_matter(batches: list[np.ndarray]) -> None:
    recogniser = build_recogniser("wide", SPEC)
    measure_statistics(recogniser, batches)
    expected = recogniser.get_weights()
    for _ in range(3):
        recogniser(np.zeros((8, 32, 64), np.uint8), training=True)
    changed = recogniser.get_weights()
    assert not all(np.array_equal(a, b) for a, b in zip(changed, expected, strict=True))
    measure_statistics(recogniser, batches)
    now = recogniser.get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(now, expected, strict=True))
    assert {norm.momentum for norm in list_norms(recogniser)} == {0.9}


def test_training_goes_on_with_its_own_averages_after_a_break(batches: list[np.ndarray]) -> None:
    recogniser = build_recogniser("compact", SPEC)

    def breaking() -> object:
        yield batches[0]
        raise OSError("the disk")

    with pytest.raises(OSError, match="the disk"):
        measure_statistics(recogniser, breaking())
    assert {norm.momentum for norm in list_norms(recogniser)} == {0.9}


def test_a_network_without_them_is_left_alone(batches: list[np.ndarray]) -> None:
    recogniser = build_recogniser("course", SPEC)
    before = recogniser.get_weights()
    measure_statistics(recogniser, batches)
    after = recogniser.get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
