"""When a training stops, and which weights it keeps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from trainer.config import TrainingConfig
from trainer.training.backup import ResumableCallback
from trainer.training.checkpoints import Arrays
from trainer.training.training_log import TrainingLog


class Stopping(ResumableCallback):
    """Stops at a target accuracy, without improvement or after a time, and keeps one epoch.

    The EarlyStopping callback of Keras does not restore its best epoch on resume, has no target,
    and compares the loss only if it is the monitored value. It keeps the most accurate epoch, even
    if the difference is within chance. Here the latest epoch is kept whose accuracy is at most one
    standard error below the best (Breiman et al., "Classification and Regression Trees", 1984,
    section 3.4.3): with the cosine schedule its learning rate is the lowest.
    """

    state_name = "stopping"

    def __init__(
        self,
        config: TrainingConfig,
        training_log: TrainingLog,
        initial_weights: Arrays,
        validation_size: int,
    ) -> None:
        super().__init__()
        self._config, self._log = config, training_log
        self._validation_size = validation_size
        self.kept_weights = initial_weights  # kept if the loss is never finite
        self.kept_accuracy = -1.0
        self.best_accuracy = -1.0
        self.kept_epoch = 0.0
        """Completed epochs of the weights that are kept; a fraction if the last one was cut off."""
        self._improved_epoch = 0.0
        """The first epoch with the best accuracy; patience counts from it."""

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Decide whether to keep the weights of the epoch, and stop if a criterion is met."""
        logs = logs or {}
        epochs_done = self._log.epochs_done
        if math.isfinite(logs["val_loss"]):
            self._compare(epochs_done, logs["val_exact_match"])
        self.update_stop_reason(epochs_done)
        if self._log.history.stop_reason:
            self.model.stop_training = True

    def _compare(self, epochs_done: float, accuracy: float) -> None:
        if accuracy > self.best_accuracy:
            self.best_accuracy, self._improved_epoch = accuracy, epochs_done
        if accuracy >= self.best_accuracy - self._standard_error():
            self.kept_accuracy, self.kept_epoch = accuracy, epochs_done
            self.kept_weights = self.model.get_weights()

    def _standard_error(self) -> float:
        """Return the standard error of the best accuracy.

        With two correct and two wrong captchas added, it is above 0 for an accuracy of 100 %
        (Agresti and Coull, "Approximate is better than 'exact' for interval estimation of binomial
        proportions", 1998).
        """
        n = self._validation_size + 4
        correct = self.best_accuracy * self._validation_size + 2
        return math.sqrt(correct * (n - correct) / n**3)

    def update_stop_reason(self, epochs_done: float) -> None:
        """Set the stop reason of the history, which is empty if the training is to continue."""
        history, config = self._log.history, self._config
        reason = self._find_reason(epochs_done)
        minutes = config.max_minutes
        history.is_out_of_time = False
        if not reason and minutes and self._log.elapsed_s >= 60 * minutes:
            history.is_out_of_time = True
            reason = f"the time limit of {minutes:g} minutes is reached"
        history.stop_reason = reason

    def _find_reason(self, epochs_done: float) -> str:
        target, patience = self._config.target_accuracy, self._config.patience
        if target and self.kept_accuracy >= target:
            return (
                f"the validation accuracy of {self.kept_accuracy:.2%} reaches the target of"
                f" {target:.2%}"
            )
        if epochs_done >= self._config.epochs:
            return f"all {self._config.epochs} epochs are done"
        if patience and epochs_done - self._improved_epoch >= patience:
            return (
                f"no validation accuracy in {patience} epochs was better than the"
                f" {self.best_accuracy:.2%} of epoch {self._improved_epoch:g}"
            )
        return ""

    def get_state(self) -> dict[str, Any]:
        """Return the best accuracy, its first epoch, and the accuracy and epoch that are kept."""
        return {
            "best_accuracy": self.best_accuracy,
            "improved_epoch": self._improved_epoch,
            "kept_accuracy": self.kept_accuracy,
            "kept_epoch": self.kept_epoch,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue with the accuracies and epochs of a checkpoint."""
        self.best_accuracy = state["best_accuracy"]
        self._improved_epoch = state["improved_epoch"]
        self.kept_accuracy, self.kept_epoch = state["kept_accuracy"], state["kept_epoch"]

    def get_arrays(self) -> dict[str, Arrays]:
        """Return the weights that are kept."""
        return {"kept_weights": self.kept_weights}

    def set_arrays(self, arrays: Mapping[str, Arrays]) -> None:
        """Continue with the weights of a checkpoint."""
        self.kept_weights = arrays["kept_weights"]
