"""When a training is done."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from trainer.config import TrainingConfig


@dataclass
class Stopping:
    """Watches the validation after every pass. Its fields survive a break as JSON."""

    best_accuracy: float = -1.0
    best_pass: int = 0
    """Counted from 1; 0 before the first."""

    def is_best(self, number: int, accuracy: float) -> bool:
        """Takes note of pass `number`; whether none before read more. Of equals the later counts:
        it has learnt longer."""
        if accuracy < self.best_accuracy:
            return False
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
        if patience and number - self.best_pass >= patience:
            return (
                f"no validation in {patience} passes was better than the"
                f" {self.best_accuracy:.2%} of pass {self.best_pass}"
            )
        return None

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON can carry them."""
        return asdict(self)
