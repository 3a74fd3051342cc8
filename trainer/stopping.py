"""When a training is done."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from trainer.config import TrainingConfig


@dataclass
class Stopping:
    """Watches the validation after every pass. Its fields survive a break as JSON."""

    best_accuracy: float = -1.0
    best_pass: float = 0
    """Counted from 1, a part of one as a fraction; 0 before the first."""
    improved_pass: float = 0
    """The first of those that are as good as the best: from it, patience counts."""

    def is_best(self, number: float, accuracy: float, loss: float) -> bool:
        """Takes note of pass `number`; whether it is to be kept.

        Of equals the later counts: it has learnt longer. One whose loss is no number never does.
        """
        if accuracy < self.best_accuracy or not math.isfinite(loss):
            return False
        if accuracy > self.best_accuracy:
            self.improved_pass = number
        self.best_accuracy, self.best_pass = accuracy, number
        return True

    def reason(self, number: int, config: TrainingConfig, elapsed_s: float) -> str | None:
        """Why to stop after pass `number`, or None; said as a sentence goes on after "because"."""
        target, patience, minutes = config.target_accuracy, config.patience, config.max_minutes
        if target and self.best_accuracy >= target:
            return f"{self.best_accuracy:.2%} of the validation reach the target of {target:.2%}"
        if number >= config.epochs:
            return f"all {config.epochs} passes are done"
        if minutes and elapsed_s >= 60 * minutes:
            return f"the {minutes:g} minutes are over"
        if patience and number - self.improved_pass >= patience:
            return (
                f"no validation in {patience} passes was better than the"
                f" {self.best_accuracy:.2%} of pass {self.improved_pass:g}"
            )
        return None

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON can carry them."""
        return asdict(self)
