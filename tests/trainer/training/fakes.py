"""Stand-ins for the model and the training log that a callback uses."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from trainer.training.checkpoints import Arrays
from trainer.training.training_log import TrainingHistory


class FakeModel:
    """What callbacks use of a Keras model."""

    def __init__(self, weights: Arrays | None = None) -> None:
        self.optimizer = SimpleNamespace(learning_rate=0.0)
        self.weights: Arrays = weights or []
        self.stop_training = False
        self.metric_resets = 0

    def get_weights(self) -> Arrays:
        return [array.copy() for array in self.weights]

    def reset_metrics(self) -> None:
        self.metric_resets += 1


@dataclass
class FakeLog:
    """A training log whose values are set by the test."""

    history: TrainingHistory = field(default_factory=lambda: TrainingHistory(10))
    elapsed_s: float = 0.0
    epochs_done: float = 0.0
    progress: float = 0.0
    step: int = 0
    window_loss: float = 1.0
    window_restarts: int = 0

    def restart_window(self) -> None:
        self.window_restarts += 1


def attach(callback: Any, model: FakeModel) -> Any:
    """Return the callback after it was given a model."""
    callback.set_model(model)
    return callback
