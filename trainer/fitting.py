"""Fits a network, pass by pass: what is stopped goes on where it was, and says why it ends."""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from pathlib import Path
from typing import Any, TextIO

import keras
import tensorflow as tf

from shared.spec import CaptchaSpec
from trainer.board import Board
from trainer.checkpoints import Array, Checkpoint, Checkpoints
from trainer.config import TrainingConfig
from trainer.course import Course
from trainer.dataset import Splits
from trainer.feed import count_steps, feed_in_order, feed_pass
from trainer.progress import Progress
from trainer.rates import Move, RatePolicy, build_policy
from trainer.stopping import Stopping

log = logging.getLogger(__name__)

# Steps that TensorFlow runs on its own before Python looks again: 15 % faster on a small network.
_STEPS_PER_EXECUTION = 25
# Going back again and again without a good step between: no rate will help.
_MOST_RESTORES = 10
# A good state to go back to is kept every so many looks.
_GOOD_EVERY = 10


class TrainingError(RuntimeError):
    """A training that came to nothing; the text says why."""


def fit(
    recogniser: keras.Model,
    config: TrainingConfig,
    splits: Splits,
    spec: CaptchaSpec,
    run: Path,
    stream: TextIO,
) -> Course:
    """Trains `recogniser`, leaves the weights of its best pass in it, and tells what happened.

    run: directory of this training. What an earlier process left there is gone on with; it is
    the caller who clears it, once the result is safe. Raises TrainingError.
    """
    loop = _Loop(recogniser, config, splits, spec, run, stream)
    loop.resume()
    while not loop.course.reason:
        loop.do_pass()
    loop.recogniser.set_weights(loop.best)
    log.info("training ends after pass %d: %s", loop.number, loop.course.reason)
    if loop.stopping.best_pass != loop.number:
        log.info("the weights are those of pass %d", loop.stopping.best_pass)
    return loop.course


class _Loop:
    """One training as it goes."""

    def __init__(
        self,
        recogniser: keras.Model,
        config: TrainingConfig,
        splits: Splits,
        spec: CaptchaSpec,
        run: Path,
        stream: TextIO,
    ) -> None:
        self.recogniser, self.config, self.splits, self.spec = recogniser, config, splits, spec
        self.stream = stream
        self.checkpoints = Checkpoints(run)
        self.board = Board(run)
        self.course = Course()
        self.stopping = Stopping()
        self.policy: RatePolicy = build_policy(config.schedule, config.learning_rate, {})
        self.number = 0
        self.pass_steps = count_steps(splits.train, config)
        self.began = time.monotonic()
        self.before_s = 0.0
        self._compile()
        self.best: list[Array] = recogniser.get_weights()
        self.good = self.snapshot()

    def _compile(self) -> None:
        kinds = {
            "adamw": lambda: keras.optimizers.AdamW(
                self.config.learning_rate, weight_decay=self.config.weight_decay
            ),
            "adam": lambda: keras.optimizers.Adam(self.config.learning_rate),
        }
        optimizer = kinds[self.config.optimizer]()
        optimizer.build(self.recogniser.trainable_variables)
        self.recogniser.compile(
            optimizer=optimizer,
            loss=self.config.loss,
            metrics=[
                keras.metrics.CategoricalAccuracy(name="character_accuracy"),
                keras.metrics.MeanMetricWrapper(_all_right, name="captcha_accuracy"),
            ],
            steps_per_execution=min(_STEPS_PER_EXECUTION, self.pass_steps),
            # XLA takes 4 s to compile and is no faster on a CPU (docs/experiments.md).
            jit_compile=False,
        )
        # Before metrics have variables of their own: theirs begin anew with every pass.
        self._variables = [*self.recogniser.variables, *optimizer.variables]

    @property
    def elapsed_s(self) -> float:
        """Seconds in the loop, those before a break too."""
        return self.before_s + time.monotonic() - self.began

    def snapshot(self) -> list[Array]:
        """The values of all variables."""
        return [variable.numpy() for variable in self._variables]

    def restore(self, arrays: list[Array]) -> None:
        """Sets all variables."""
        for variable, array in zip(self._variables, arrays, strict=True):
            variable.assign(array)

    def resume(self) -> None:
        """Goes on where an earlier process was, if one left a checkpoint."""
        shapes = [tuple(v.shape) for v in self._variables]
        shapes += [array.shape for array in self.best]
        checkpoint = self.checkpoints.load(shapes)
        if checkpoint is None:
            return
        state = checkpoint.state
        self.number = checkpoint.number
        self.good = checkpoint.arrays[: len(self._variables)]
        self.best = checkpoint.arrays[len(self._variables) :]
        self.restore(self.good)
        self.course = Course.from_dict(state["course"])
        self.stopping = Stopping(**state["stopping"])
        self.policy = build_policy(self.config.schedule, self.config.learning_rate, state["policy"])
        self.before_s = self.course.elapsed_s
        log.info("going on after pass %d of an earlier training that was stopped", self.number)
        # What stops may have changed: more passes or minutes, another target.
        self._look_for_end()

    def _look_for_end(self) -> None:
        reason = self.stopping.reason(self.number, self.config, self.elapsed_s)
        unhurried = dataclasses.replace(self.config, max_minutes=0.0)
        self.course.out_of_time = (
            reason is not None and self.stopping.reason(self.number, unhurried, 0.0) is None
        )
        self.course.reason = reason or ""

    def save(self) -> None:
        """Keeps where the training stands."""
        self.course.elapsed_s = self.elapsed_s
        state = {
            "course": self.course.to_dict(),
            "stopping": self.stopping.to_dict(),
            "policy": self.policy.to_dict(),
        }
        self.checkpoints.save(Checkpoint(self.number, self.snapshot() + self.best, state))

    def do_pass(self) -> None:
        """One pass over the training captchas, the validation, and a checkpoint."""
        watch = _Watch(self)
        history = self.recogniser.fit(
            feed_pass(self.splits.train, self.spec, self.config, self.number),
            validation_data=feed_in_order(self.splits.validation, self.spec),
            initial_epoch=self.number,
            epochs=self.number + 1,
            shuffle=False,  # the feed has done it
            verbose=0,
            callbacks=[watch],
        ).history
        self.number += 1
        row: dict[str, float] = {"pass": self.number}
        row |= {name: values[-1] for name, values in history.items()}
        row["learning_rate"] = float(self.recogniser.optimizer.learning_rate.numpy())
        row["elapsed_s"] = round(self.elapsed_s, 1)
        self.course.passes.append(row)
        self.board.show_pass(row)
        log.info(
            "pass %d: loss %.4f, validation loss %.4f, captchas right %.2f %%",
            self.number,
            row["loss"],
            row["val_loss"],
            100 * row["val_captcha_accuracy"],
        )
        if self.stopping.is_best(self.number, row["val_captcha_accuracy"]):
            self.best = self.recogniser.get_weights()
        self.good = self.snapshot()
        self._look_for_end()
        self.save()

    def progress(self, step: int) -> float:
        """Share of the training that is done; a limit in minutes may end it before the passes."""
        done = (self.number * self.pass_steps + step) / (self.config.epochs * self.pass_steps)
        if self.config.max_minutes:
            done = max(done, self.elapsed_s / (60 * self.config.max_minutes))
        return done


class _Watch(keras.callbacks.Callback):  # type: ignore[misc]
    """Looks in every few steps: sets the learning rate, shows how far it is, minds the time."""

    def __init__(self, loop: _Loop) -> None:
        super().__init__()
        self._loop = loop
        self._steps = 0
        self._total = 0.0
        self._looks = 0
        self._restores = 0
        what = f"pass {loop.number + 1} of {loop.config.epochs}, steps"
        self._progress = Progress(loop.stream, what, loop.pass_steps)
        self._set_rate(0)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Called once for every few steps, with the mean loss since the metrics began."""
        loop = self._loop
        step = batch + 1
        total = float((logs or {})["loss"]) * (step - self._steps_before_reset)
        loss = (total - self._total) / (step - self._steps)
        self._total, self._steps = total, step
        loop.course.steps = done_steps = loop.number * loop.pass_steps + step
        self._progress.update(step, f"loss {loss:.4f}")
        rate = self._set_rate(step)
        loop.course.looks.append((done_steps / loop.pass_steps, loss, rate))
        loop.board.show_look(done_steps, loss, rate)
        move = loop.policy.observe(done_steps, loss)
        if move is not None:
            self._take(move)
            self._set_rate(step)
        elif not math.isfinite(loss):
            raise TrainingError(
                f"the loss became {loss}: the learning rate {loop.config.learning_rate:g} is too"
                " high; the schedule watchful would lower it by itself"
            )
        else:
            self._looks += 1
            if self._looks % _GOOD_EVERY == 0:
                loop.good = loop.snapshot()
                self._restores = 0
        if loop.config.max_minutes and loop.elapsed_s >= 60 * loop.config.max_minutes:
            self.model.stop_training = True

    _steps_before_reset = 0

    def _take(self, move: Move) -> None:
        self._loop.course.moves.append(move)
        log.info("step %d: learning rate %.3g: %s", move.step, move.rate, move.reason)
        if not move.restores:
            return
        self._restores += 1
        if self._restores > _MOST_RESTORES:
            raise TrainingError(f"{move.reason}, and no lower learning rate helps")
        self._loop.restore(self._loop.good)
        # Their mean would stay what it has become.
        self.model.reset_metrics()
        self._steps_before_reset, self._total = self._steps, 0.0

    def _set_rate(self, step: int) -> float:
        rate = self._loop.policy.rate(self._loop.progress(step))
        self._loop.recogniser.optimizer.learning_rate.assign(rate)
        return rate


def _all_right(truth: Any, answer: Any) -> Any:
    """1 for each captcha with every character right, else 0."""
    same = tf.argmax(truth, axis=-1) == tf.argmax(answer, axis=-1)
    return tf.cast(tf.reduce_all(same, axis=-1), tf.float32)
