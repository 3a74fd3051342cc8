"""Muon orthogonalises the updates of kernels; other variables are optimised with AdamW."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from trainer.config import TrainingConfig
from trainer.networks.blocks import CLASSIFIER
from trainer.training.optimizers import KernelMuon, build_optimizer

RATE = 0.01
# The Newton-Schulz iteration of Muon ends with singular values in this range instead of at one.
LEAST, GREATEST = 0.65, 1.25


def first_step(shape: tuple[int, ...], gradient: np.ndarray, name: str = "kernel") -> np.ndarray:
    """Return the first update of a variable of zeros, divided by the learning rate."""
    config = TrainingConfig(
        optimizer="muon", learning_rate=RATE, schedule="constant", weight_decay=0
    )
    optimizer = build_optimizer(config, steps=1)
    # The path of a variable in a layer of this name.
    with keras.name_scope(name):
        variable = keras.Variable(np.zeros(shape, np.float32), name="kernel")
    optimizer.build([variable])
    optimizer.apply([keras.ops.convert_to_tensor(gradient.astype(np.float32))], [variable])
    return keras.ops.convert_to_numpy(variable) / RATE


def draw(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape) ** 3


@pytest.mark.parametrize("shape", [(3, 3, 4, 24), (3, 3, 24, 48), (5, 16, 32), (320, 16), (16, 64)])
@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_the_singular_values_of_an_update_are_nearly_equal(
    shape: tuple[int, ...], scale: float
) -> None:
    gradient = draw(shape).reshape(-1, shape[-1])
    # The largest singular value is a hundred times the smallest.
    u, _, v = np.linalg.svd(gradient, full_matrices=False)
    gradient = scale * (u * np.geomspace(1, 0.01, u.shape[1])) @ v
    step = first_step(shape, gradient.reshape(shape)).reshape(gradient.shape)
    # Muon scales its step to the size that AdamW would give it.
    values = np.linalg.svd(step, compute_uv=False)
    relative = values / (0.2 * max(gradient.shape) ** 0.5)
    assert relative.min() > LEAST
    assert relative.max() < GREATEST
    # In the directions of the gradient, downhill.
    assert np.trace(v @ step.T @ u) < -0.8 * values.sum()


@pytest.mark.parametrize(
    ("shape", "layer"),
    [
        ((24,), "stem"),
        ((), "counting"),
        ((32, 1), "density"),
        ((1, 32), "one_input"),
        ((8, 5), CLASSIFIER),
    ],
)
def test_vectors_and_the_classifier_are_optimised_with_adamw(
    shape: tuple[int, ...], layer: str
) -> None:
    gradient = 1e4 * draw(shape)
    # The first step of Adam has the size of the learning rate, whatever the gradient.
    assert np.allclose(first_step(shape, gradient, layer), -np.sign(gradient), rtol=1e-3)


def test_weight_decay_is_that_of_the_hyperparameters() -> None:
    config = TrainingConfig(
        optimizer="muon", learning_rate=0.1, schedule="constant", weight_decay=0.5
    )
    variables = [keras.Variable(np.ones(shape, np.float32)) for shape in [(4, 6), (6,)]]
    optimizer = build_optimizer(config, steps=1)
    optimizer.build(variables)
    optimizer.apply([keras.ops.zeros_like(variable) for variable in variables], variables)
    for variable in variables:
        assert np.allclose(keras.ops.convert_to_numpy(variable), 1 - 0.5 * 0.1)


def test_the_hyperparameters_choose_the_optimizer() -> None:
    found = [
        type(build_optimizer(TrainingConfig(optimizer=name), 9))
        for name in ("muon", "adamw", "adam")
    ]
    assert found == [KernelMuon, keras.optimizers.AdamW, keras.optimizers.Adam]
