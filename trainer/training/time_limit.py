"""The time limit of a training: stops it, and fits its learning rate into the time."""

from __future__ import annotations

from collections.abc import Mapping

import keras

from trainer.config import TrainingConfig
from trainer.training.schedules import build_learning_rate
from trainer.training.training_log import TrainingLog


class TimeLimit(keras.callbacks.Callback):  # type: ignore[misc]
    """Stops a training after its time, and fits a cosine schedule into that time.

    The schedules of Keras depend on the step. With a time limit the number of steps is unknown, so
    this callback evaluates the schedule at the completed fraction of the training, by steps or by
    time.
    """

    def __init__(self, config: TrainingConfig, training_log: TrainingLog, steps: int) -> None:
        super().__init__()
        self._limit_s = 60 * config.max_minutes
        self._log, self._steps = training_log, steps
        self._learning_rate = build_learning_rate(config, steps)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Set the learning rate."""
        self._set_learning_rate()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Set the learning rate, and stop if the time is over."""
        self._set_learning_rate()
        if self._log.elapsed_s >= self._limit_s:
            self.model.stop_training = True

    def _set_learning_rate(self) -> None:
        if callable(self._learning_rate):
            step = max(1.0, self._log.progress * self._steps)
            self.model.optimizer.learning_rate = float(self._learning_rate(step))
