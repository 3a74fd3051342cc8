"""The optimizers that the course compares, each with its learning rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

OptimizerName = Literal[
    "sgd", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop", "adam", "adamw"
]


@dataclass(frozen=True)
class OptimizerChoice:
    """An optimizer of Keras with its settings.

    Attributes:
        label: name in figures.
        class_name: class in `keras.optimizers`.
        learning_rate: what the comparison uses. The course relied on defaults, which differ
            between releases of Keras.
        origin: where it comes from.
        settings: other arguments of the class; the rest are its defaults.
    """

    label: str
    class_name: str
    learning_rate: float
    origin: Literal["slides", "course code", "this project"]
    settings: Mapping[str, Any] = field(default_factory=dict)


# The three forms of SGD have one rate, so that only the momentum differs.
OPTIMIZERS: dict[OptimizerName, OptimizerChoice] = {
    "sgd": OptimizerChoice("SGD", "SGD", 0.02, "slides"),
    "momentum": OptimizerChoice("SGD with momentum", "SGD", 0.02, "slides", {"momentum": 0.9}),
    "nesterov": OptimizerChoice(
        "Nesterov", "SGD", 0.02, "this project", {"momentum": 0.9, "nesterov": True}
    ),
    "adagrad": OptimizerChoice("Adagrad", "Adagrad", 0.01, "slides"),
    "rmsprop": OptimizerChoice("RMSprop", "RMSprop", 0.001, "slides"),
    "adam": OptimizerChoice("Adam", "Adam", 0.001, "slides"),
    "adadelta": OptimizerChoice("Adadelta", "Adadelta", 1.0, "course code"),
    "adamw": OptimizerChoice(
        "AdamW (ours)", "AdamW", 0.001, "this project", {"weight_decay": 0.01}
    ),
}
"""The optimizers by name."""
