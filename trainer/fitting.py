"""Fits a network, pass by pass: what is stopped goes on where it was, and says why it ends."""

from __future__ import annotations

import dataclasses
import logging
import time
from pathlib import Path
from typing import Any, TextIO

import keras
import numpy as np
import tensorflow as tf

from shared.spec import CaptchaSpec
from trainer.batchnorm import measure_statistics
from trainer.board import Board
from trainer.checkpoints import Checkpoint, Checkpoints
from trainer.config import TrainingConfig
from trainer.dataset import Splits
from trainer.evaluation import score
from trainer.feed import count_steps, feed_in_order, feed_pass, feed_plain, list_rows
from trainer.focus import ErrorRates, measure_misread
from trainer.history import History
from trainer.looks import look_again
from trainer.rates import WATCHFUL, RatePolicy, build_policy
from trainer.resources import require_free
from trainer.rollback import Rollback, State
from trainer.stopping import Stopping
from trainer.watch import TrainingError, Watch

log = logging.getLogger(__name__)

# Steps that TensorFlow runs on its own before Python looks again: 15 % faster on a small network.
_STEPS_PER_EXECUTION = 25
# Share of the training that is done before any character is looked at more often than others.
_FOCUSED_FROM = 0.2


class Loop:
    """One training as it goes.

    run: directory of this training. What an earlier process left there is gone on with; it is
    the caller who clears it, once the result is safe.
    """

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
        run.mkdir(parents=True, exist_ok=True)
        self.checkpoints = Checkpoints(run)
        self.board = Board(run)
        self.history = History()
        self.stopping = Stopping()
        self.misread: ErrorRates = np.zeros(spec.classes)
        # What is published in the end: a pass is as good as this reads.
        self.reader = look_again(recogniser, config.looks)
        self.policy: RatePolicy = build_policy(config.schedule, config.learning_rate, {})
        self.number = 0
        self.pass_steps = count_steps(splits.train, config)
        self.history.pass_steps = self.pass_steps
        self.began = time.monotonic()
        self.before_s = 0.0
        self._compile()
        self.best: State = recogniser.get_weights()
        # Only a policy that looks at the loss ever goes back.
        self.rollback = (
            Rollback(self.snapshot(), self.snapshot()) if config.schedule == WATCHFUL else None
        )

    def run(self) -> History:
        """Trains, leaves the weights of the best pass in the recogniser, tells what happened.

        Raises TrainingError, and SpaceError if its checkpoints will not fit onto the disk.
        """
        self.resume()
        if not self.history.reason:
            arrays = self._arrays()
            require_free(self.checkpoints.directory, self.checkpoints.count_missing_bytes(arrays))
        try:
            while not self.history.reason:
                self.do_pass()
        except tf.errors.ResourceExhaustedError as error:
            raise TrainingError(
                f"there is not enough memory for batches of {self.config.batch_size}:"
                f" {error.message.partition(chr(10))[0]}"
            ) from error
        self.recogniser.set_weights(self.best)
        last = self.history.passes[-1]["pass"]
        log.info("training ends after pass %g: %s", last, self.history.reason)
        if self.stopping.best_pass != last:
            log.info("the weights are those of pass %g", self.stopping.best_pass)
        return self.history

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

    def snapshot(self) -> State:
        """The values of all variables."""
        return [variable.numpy() for variable in self._variables]

    def restore(self, arrays: State) -> None:
        """Sets all variables."""
        for variable, array in zip(self._variables, arrays, strict=True):
            variable.assign(array)

    def resume(self) -> None:
        """Goes on where an earlier process was, if one left a checkpoint."""
        shapes = [array.shape for array in self._arrays()]
        checkpoint = self.checkpoints.load(shapes)
        if checkpoint is None:
            return
        state, arrays = checkpoint.state, checkpoint.arrays
        self.history = History.from_dict(state["history"])
        self.stopping = Stopping(**state["stopping"])
        self.policy = build_policy(self.config.schedule, self.config.learning_rate, state["policy"])
        self.misread = np.array(state["misread"])
        self.number = checkpoint.number
        count = len(self._variables)
        self.restore(arrays[:count])
        self.best, kept = arrays[count : count + len(self.best)], arrays[count + len(self.best) :]
        if self.rollback is not None:
            self.rollback = Rollback(kept[:count], kept[count:], **state["rollback"])
        self.before_s = self.history.elapsed_s
        log.info("going on after pass %d of an earlier training that was stopped", self.number)
        # What stops it may have changed: another target, more patience, more minutes.
        self._look_for_end()

    def _arrays(self) -> State:
        kept = [*self.rollback.trusted, *self.rollback.candidate] if self.rollback else []
        return [*self.snapshot(), *self.best, *kept]

    def _look_for_end(self) -> None:
        reason = self.stopping.reason(self.number, self.config, self.elapsed_s)
        unhurried = dataclasses.replace(self.config, max_minutes=0.0)
        self.history.out_of_time = (
            reason is not None and self.stopping.reason(self.number, unhurried, 0.0) is None
        )
        self.history.reason = reason or ""

    def save(self) -> None:
        """Keeps where the training stands."""
        state = {
            "history": self.history.to_dict(),
            "stopping": self.stopping.to_dict(),
            "policy": self.policy.to_dict(),
            "misread": self.misread.tolist(),
            "rollback": self.rollback.counts if self.rollback else {},
        }
        self.checkpoints.save(Checkpoint(self.number, self._arrays(), state))

    def do_pass(self) -> None:
        """One pass over the training captchas, the validation, and a checkpoint.

        A pass that the end of the time cuts off is measured as it is, and not kept: a training
        that is given more time does it again, whole.
        """
        watch = Watch(self)
        split, spec, config = self.splits.train, self.spec, self.config
        focused = config.focus and self.progress(0) >= _FOCUSED_FROM
        rows = list_rows(split, config, self.number, self.misread if focused else None)
        metrics = self.recogniser.fit(
            feed_pass(split, spec, config, self.number, rows),
            initial_epoch=self.number,
            epochs=self.number + 1,
            shuffle=False,  # the feed has done it
            verbose=0,
            callbacks=[watch],
        ).history
        measure_statistics(self.recogniser, feed_plain(split, spec, config.batch_size, rows))
        validation = self.validate()
        is_whole = watch.steps >= self.pass_steps
        # So fine that no part of a pass is rounded to a whole one.
        done = self.number + (1 if is_whole else round(watch.steps / self.pass_steps, 4))
        row: dict[str, float] = {"pass": done}
        row |= {name: values[-1] for name, values in metrics.items()}
        row |= {f"val_{name}": value for name, value in validation.items()}
        row["loss"] = watch.mean_loss
        row["learning_rate"] = float(self.recogniser.optimizer.learning_rate.numpy())
        row["elapsed_s"] = round(self.elapsed_s, 1)
        self.history.passes.append(row)
        self.history.elapsed_s = self.elapsed_s
        self.board.show_pass(row)
        log.info(
            "pass %g: loss %.4f, validation loss %.4f, captchas right %.2f %%",
            done,
            row["loss"],
            row["val_loss"],
            100 * row["val_captcha_accuracy"],
        )
        if self.stopping.is_best(done, row["val_captcha_accuracy"], row["val_loss"]):
            self.best = self.recogniser.get_weights()
        if is_whole:
            self.number += 1
            self.save()
        self._look_for_end()

    def validate(self) -> dict[str, float]:
        """How the validation captchas are read now; what is misread of them is kept."""
        split, spec = self.splits.validation, self.spec
        probabilities = self.reader.predict(feed_in_order(split, spec), verbose=0)
        evaluation = score(probabilities, split, spec)
        self.misread = measure_misread(evaluation.confusions)
        one_hot = np.eye(spec.classes, dtype=np.float32)[split.labels]
        losses = keras.losses.get(self.config.loss)(one_hot, probabilities)
        return {
            "captcha_accuracy": evaluation.accuracy,
            "character_accuracy": evaluation.character_accuracy,
            "loss": float(np.mean(losses)),
        }

    def progress(self, step: int) -> float:
        """Share of the training that is done; a limit in minutes may end it before the passes."""
        done = (self.number * self.pass_steps + step) / (self.config.epochs * self.pass_steps)
        if self.config.max_minutes:
            done = max(done, self.elapsed_s / (60 * self.config.max_minutes))
        return done


def _all_right(truth: Any, answer: Any) -> Any:
    """1 for each captcha with every character right, else 0."""
    same = tf.argmax(truth, axis=-1) == tf.argmax(answer, axis=-1)
    return tf.cast(tf.reduce_all(same, axis=-1), tf.float32)
