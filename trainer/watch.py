"""Checks every few steps how a pass goes."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any

import keras

from trainer.progress import Progress
from trainer.rates import Move

if TYPE_CHECKING:
    from trainer.fitting import Loop

log = logging.getLogger(__name__)


class TrainingError(RuntimeError):
    """A training that came to nothing; the text says why."""


class Watch(keras.callbacks.Callback):  # type: ignore[misc]
    """Sets the learning rate, shows how far it is, minds the time; one for each pass."""

    def __init__(self, loop: Loop) -> None:
        super().__init__()
        self.steps = 0
        """Of this pass, done."""
        self._loop = loop
        self._total = 0.0
        self._reset_at = 0
        self._losses: list[float] = []
        what = f"pass {loop.number + 1} of {loop.config.epochs}, steps"
        self._progress = Progress(loop.stream, what, loop.pass_steps)
        self._set_rate()

    @property
    def mean_loss(self) -> float:
        """Over the checks at which it was a number."""
        finite = [loss for loss in self._losses if math.isfinite(loss)]
        return sum(finite) / len(finite) if finite else math.nan

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Called once for every few steps, with the mean loss since the metrics began."""
        loop = self._loop
        before, self.steps = self.steps, min(batch + 1, loop.pass_steps)
        total = float((logs or {})["loss"]) * (self.steps - self._reset_at)
        loss = (total - self._total) / (self.steps - before)
        self._total = total
        self._losses.append(loss)
        loop.history.steps += self.steps - before
        done = loop.number * loop.pass_steps + self.steps
        self._progress.update(self.steps, f"loss {loss:.4f}")
        rate = self._set_rate()
        loop.history.points.append((done / loop.pass_steps, loss, rate))
        loop.board.show_steps(done, loss, rate)
        move = loop.policy.observe(done, loss)
        if move is not None:
            self._take(move)
            self._set_rate()
        elif loop.rollback is not None:
            loop.rollback.check(loop.snapshot)
        elif not math.isfinite(loss):
            raise TrainingError(
                f"the loss became {loss}: the learning rate {loop.config.learning_rate:g} is too"
                " high; the schedule watchful would lower it by itself"
            )
        if loop.config.max_minutes and loop.elapsed_s >= 60 * loop.config.max_minutes:
            self.model.stop_training = True

    def _take(self, move: Move) -> None:
        self._loop.history.moves.append(move)
        log.info("step %d: learning rate %.3g: %s", move.step, move.rate, move.reason)
        if not move.restores or self._loop.rollback is None:
            return
        state = self._loop.rollback.go_back()
        if state is None:
            raise TrainingError(f"{move.reason}, and no lower learning rate helps")
        self._loop.restore(state)
        # Their mean would stay what it has become.
        self.model.reset_metrics()
        self._reset_at, self._total = self.steps, 0.0

    def _set_rate(self) -> float:
        rate = self._loop.policy.rate(self._loop.progress(self.steps))
        self._loop.recogniser.optimizer.learning_rate.assign(rate)
        return rate
