"""The adaptive learning-rate schedule: the rules of the course.

The rules are evaluated on the mean loss of every few steps. The course raises the learning rate if
the loss is flat at the start. It lowers the rate if the loss explodes or is not a number, if a fast
drop is followed by a long plateau, and if the loss oscillates late in the training.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import keras
import numpy as np

from trainer.errors import TrainingError
from trainer.training.backup import ResumableCallback, assign, snapshot
from trainer.training.checkpoints import Arrays
from trainer.training.rollback import Rollback
from trainer.training.training_log import RateChange, TrainingLog

log = logging.getLogger(__name__)

# Numbers of observations; an observation is the mean loss of a few steps.
_SMOOTHING_WINDOW = 3
_FLAT_AFTER = 6
_PLATEAU_AFTER = 40
_OSCILLATION_WINDOW = 24

_FLAT_DROP = 0.05  # flat: the loss has fallen by less than this fraction of the first loss
_PLATEAU_DROP = 0.02  # plateau: the loss has fallen by less than this fraction
_FAST_DROP = 0.5  # a plateau only counts after the loss has fallen to this fraction
# explosion: loss above 3 x the lowest and above 0.8 x the first loss
_EXPLODED, _BACK_TO_START = 3.0, 0.8
_OSCILLATION_TURNS = 0.75  # fraction of observations at which the loss changes direction
_OSCILLATION_SIZE = 0.5  # standard deviation divided by mean
_RAISE, _LOWER, _RECOVER = 3.0, 0.5, 0.3  # factors of the learning rate
_SAFE_FRACTION = 0.5  # after an explosion the rate stays below this fraction of the exploded one
_MAX_FACTOR, _MIN_FACTOR = 16.0, 1e-3  # limits, relative to the initial rate


@dataclass
class AdaptiveRules:
    """The rules and their state. All fields are JSON values."""

    learning_rate: float
    initial_rate: float = 0.0
    losses: list[float] = field(default_factory=list)
    """Observations since the last change, as many as the rules need."""
    first_losses: list[float] = field(default_factory=list)
    lowest: float = math.inf
    """Lowest smoothed loss since the last restored state."""
    lowest_exploded_rate: float = math.inf
    observations_since_lowest: int = 0

    def __post_init__(self) -> None:
        self.initial_rate = self.initial_rate or self.learning_rate

    @property
    def first_loss(self) -> float:
        """The smoothed loss at the start."""
        return float(np.mean(self.first_losses)) if self.first_losses else math.inf

    def evaluate(self, step: int, loss: float) -> RateChange | None:
        """Evaluate the rules on the mean loss of the last few steps.

        Returns:
            The learning-rate change, if a rule applies.
        """
        if not math.isfinite(loss):
            return self._change(step, _RECOVER, f"the loss became {loss}", restores=True)
        self.losses.append(loss)
        del self.losses[:-_PLATEAU_AFTER]
        if len(self.first_losses) < _SMOOTHING_WINDOW:
            self.first_losses.append(loss)
        recent = float(np.mean(self.losses[-_SMOOTHING_WINDOW:]))
        if recent > _BACK_TO_START * self.first_loss and recent > _EXPLODED * self.lowest:
            reason = f"the loss exploded from {self.lowest:.3g} to {recent:.3g}"
            return self._change(step, _RECOVER, reason, restores=True)
        if recent < (1 - _PLATEAU_DROP) * self.lowest:
            self.lowest, self.observations_since_lowest = recent, 0
        else:
            self.observations_since_lowest += 1
        return self._check_start(step, recent) or self._check_late(step)

    def _check_start(self, step: int, recent: float) -> RateChange | None:
        """Raise the rate if the loss is flat at the start."""
        has_learned = self.lowest < (1 - _FLAT_DROP) * self.first_loss
        if has_learned or len(self.losses) < _FLAT_AFTER:
            return None
        if self.learning_rate >= self.initial_rate * _MAX_FACTOR:
            return None
        if self.learning_rate * _RAISE > _SAFE_FRACTION * self.lowest_exploded_rate:
            return None
        reason = f"flat at the start: loss {recent:.3g} after {self.first_loss:.3g}"
        return self._change(step, _RAISE, reason)

    def _check_late(self, step: int) -> RateChange | None:
        """Lower the rate on a plateau or an oscillation after a fast drop."""
        if self.lowest > _FAST_DROP * self.first_loss:
            return None
        if self.learning_rate <= self.initial_rate * _MIN_FACTOR:
            return None
        if self.observations_since_lowest >= _PLATEAU_AFTER:
            reason = f"plateau after a fast drop: loss not below {self.lowest:.3g}"
            return self._change(step, _LOWER, reason)
        window = np.array(self.losses[-_OSCILLATION_WINDOW:])
        if min(len(window), self.observations_since_lowest) < _OSCILLATION_WINDOW:
            return None
        turns = np.mean(np.diff(np.sign(np.diff(window))) != 0)
        if turns >= _OSCILLATION_TURNS and window.std() > _OSCILLATION_SIZE * window.mean():
            reason = f"late oscillation: loss {window.min():.3g} to {window.max():.3g}"
            return self._change(step, _LOWER, reason)
        return None

    def _change(self, step: int, factor: float, reason: str, restores: bool = False) -> RateChange:
        if restores:
            # The restored weights have another loss; early on, that of an untrained network.
            self.lowest = math.inf
            self.lowest_exploded_rate = min(self.learning_rate, self.lowest_exploded_rate)
        low, high = self.initial_rate * _MIN_FACTOR * _RECOVER, self.initial_rate * _MAX_FACTOR
        self.learning_rate = min(max(self.learning_rate * factor, low), high)
        self.losses.clear()
        self.observations_since_lowest = 0
        return RateChange(step, self.learning_rate, reason, restores)


class AdaptiveSchedule(ResumableCallback):
    """Applies the rules every few steps, and restores the last trusted state after an explosion.

    ReduceLROnPlateau of Keras evaluates whole epochs, only lowers the rate and restores nothing.
    """

    state_name = "adaptive_schedule"

    def __init__(
        self,
        learning_rate: float,
        variables: Sequence[keras.Variable],
        training_log: TrainingLog,
    ) -> None:
        super().__init__()
        self._rules = AdaptiveRules(learning_rate)
        self._variables, self._log = variables, training_log
        self._rollback = Rollback(snapshot(variables), snapshot(variables))

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Set the learning rate."""
        self.model.optimizer.learning_rate = self._rules.learning_rate

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Apply the rules to the loss of the last steps."""
        change = self._rules.evaluate(self._log.step, self._log.window_loss)
        if change is None:
            self._rollback.record_normal(lambda: snapshot(self._variables))
            return
        self._log.history.rate_changes.append(change)
        log.info(
            "step %d: learning rate %.3g: %s", change.step, change.learning_rate, change.reason
        )
        if change.restores:
            state = self._rollback.restore()
            if state is None:
                raise TrainingError(f"{change.reason}, and lower learning rates did not help")
            assign(self._variables, state)
            # Otherwise the mean loss of the epoch would stay NaN or very high.
            self.model.reset_metrics()
            self._log.restart_window()
        self.model.optimizer.learning_rate = change.learning_rate

    def get_state(self) -> dict[str, Any]:
        """Return the state of rules and rollback."""
        counts = (self._rollback.normal_checks, self._rollback.restores)
        return {"rules": asdict(self._rules), "rollback": counts}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue with the rules of a checkpoint."""
        self._rules = AdaptiveRules(**state["rules"])
        self._rollback.normal_checks, self._rollback.restores = state["rollback"]

    def get_arrays(self) -> dict[str, Arrays]:
        """Return the states to restore."""
        return {"trusted": self._rollback.trusted, "candidate": self._rollback.candidate}

    def set_arrays(self, arrays: Mapping[str, Arrays]) -> None:
        """Continue with the states of a checkpoint."""
        self._rollback.trusted, self._rollback.candidate = arrays["trusted"], arrays["candidate"]
