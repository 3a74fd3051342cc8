"""Loss surfaces of two weights, and the paths of Keras optimizers on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Surface:
    """A loss of two weights.

    Attributes:
        title: of its panel.
        formula: in mathtext.
        loss: (..., 2) -> (...).
        gradient: (2,) -> (2,).
        start: where all paths begin.
        limits: of the panel: left, right, bottom, top.
        minimum: the point with the lowest loss; None for a saddle.
        steps: of each path.
    """

    title: str
    formula: str
    loss: Callable[[Points], Points]
    gradient: Callable[[Points], Points]
    start: tuple[float, float]
    limits: tuple[float, float, float, float]
    minimum: tuple[float, float] | None
    steps: int


@dataclass(frozen=True)
class PathOptimizer:
    """An optimizer with its learning rate on each surface.

    Attributes:
        name: for the legend.
        create: from a learning rate.
        rates: learning rate by surface, in the order of SURFACES.
    """

    name: str
    create: Callable[[float], keras.optimizers.Optimizer]
    rates: tuple[float, float]


def _bowl_loss(w: Points) -> Points:
    loss: Points = w[..., 0] ** 2 / 20 + w[..., 1] ** 2
    return loss


def _saddle_loss(w: Points) -> Points:
    loss: Points = w[..., 0] ** 2 - w[..., 1] ** 2 + w[..., 1] ** 4 / 8
    return loss


SURFACES = (
    Surface(
        "A long valley", r"$w_1^2 / 20 + w_2^2$",
        _bowl_loss, lambda w: np.array([w[0] / 10, 2 * w[1]]),
        (-9.0, 2.2), (-10.0, 4.0, -3.4, 3.4), (0.0, 0.0), 100,
    ),
    Surface(
        "A saddle point at (0, 0)", r"$w_1^2 - w_2^2 + w_2^4 / 8$",
        _saddle_loss, lambda w: np.array([2 * w[0], -2 * w[1] + w[1] ** 3 / 2]),
        (-2.0, 0.01), (-2.2, 1.2, -0.7, 2.6), (0.0, 2.0), 100,
    ),
)  # fmt: skip

OPTIMIZERS = (
    PathOptimizer("SGD", keras.optimizers.SGD, (0.9, 0.05)),
    PathOptimizer("SGD, momentum 0.9", lambda r: keras.optimizers.SGD(r, 0.9), (0.1, 0.02)),
    PathOptimizer(
        "Nesterov 0.9", lambda r: keras.optimizers.SGD(r, 0.9, nesterov=True), (0.1, 0.02)
    ),
    PathOptimizer("Adagrad", keras.optimizers.Adagrad, (1.2, 0.4)),
    PathOptimizer("RMSprop", keras.optimizers.RMSprop, (0.2, 0.05)),
    PathOptimizer("Adadelta", keras.optimizers.Adadelta, (100.0, 20.0)),
    PathOptimizer("Adam", keras.optimizers.Adam, (0.4, 0.1)),
    PathOptimizer(
        "AdamW, decay 0.02", lambda r: keras.optimizers.AdamW(r, weight_decay=0.02), (0.4, 0.1)
    ),
)


def trace(optimizer: keras.optimizers.Optimizer, surface: Surface) -> Points:
    """Return the weights before the first step and after each one, (steps + 1, 2).

    The gradient has no noise, as if each step used all training captchas.
    """
    weights = keras.Variable(surface.start, dtype="float32")
    optimizer.build([weights])
    path = [weights.numpy()]
    for _ in range(surface.steps):
        gradient = surface.gradient(path[-1].astype(np.float64))
        optimizer.apply([keras.ops.convert_to_tensor(gradient, dtype="float32")], [weights])
        path.append(weights.numpy())
    return np.array(path, np.float64)
