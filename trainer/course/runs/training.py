"""The training of one run, which resumes from its last complete epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras

from shared.captchas.spec import CaptchaSpec
from trainer.course.runs.captchas import EpochBatches, RunCaptchas
from trainer.course.runs.history import COLUMNS, Row, is_finished, write_history
from trainer.course.runs.optimizers import OPTIMIZERS
from trainer.course.runs.run import Run
from trainer.data.batches import build_evaluation_batches
from trainer.networks import build_recogniser
from trainer.training.backup import Backup, ResumableCallback
from trainer.training.checkpoints import CheckpointStore
from trainer.training.metrics import CharacterAccuracy, ExactMatch

ReportCaptchas = Callable[[int], None]
"""Called with the number of captchas that the run has trained on, repetitions included."""
# Steps that TensorFlow runs between two calls of the callbacks: faster on a small network.
_STEPS_PER_EXECUTION = 10


def train_run(run: Run, captchas: RunCaptchas, directory: Path, report: ReportCaptchas) -> None:
    """Train until the run is finished, and write its history after every epoch.

    Args:
        run: what to train.
        captchas: training and validation captchas.
        directory: an existing directory for history and checkpoints.
        report: called during the training.
    """
    batches = EpochBatches(captchas, run.batch_size)
    model = compile_run(run, captchas.train.spec, captchas.seed, batches.steps)
    epoch_log = EpochLog(run, batches, directory, report)
    store = CheckpointStore(directory)
    variables = [*model.variables, *model.optimizer.variables]
    backup = Backup(store, variables, [epoch_log], lambda: epoch_log.is_epoch_complete)
    initial_epoch = backup.resume()
    if not is_finished(run, epoch_log.rows):
        model.fit(
            batches.dataset,
            initial_epoch=initial_epoch,
            epochs=run.epochs or 1_000_000,
            validation_data=build_evaluation_batches(captchas.validation),
            callbacks=[keras.callbacks.TerminateOnNaN(), epoch_log, backup],
            shuffle=False,  # the batches are shuffled already
            verbose=0,
        )
    write_history(directory, epoch_log.rows)
    store.clear()


def compile_run(run: Run, spec: CaptchaSpec, seed: int, steps_per_epoch: int) -> keras.Model:
    """Return the compiled model of a run with its initial weights, which depend on the seed only.

    uint8 (B, height, width) -> probabilities float32 (B, length, classes).
    """
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    model = build_recogniser(run.network, spec)
    choice = OPTIMIZERS[run.optimizer]
    optimizer_class = getattr(keras.optimizers, choice.class_name)
    optimizer = optimizer_class(run.learning_rate, **choice.settings)
    optimizer.build(model.trainable_variables)
    model.compile(
        optimizer,
        run.loss,
        # Named, because Keras would choose another accuracy for each loss.
        metrics=[keras.metrics.BinaryAccuracy(), CharacterAccuracy(spec), ExactMatch(spec)],
        steps_per_execution=1 if run.minutes else min(_STEPS_PER_EXECUTION, steps_per_epoch),
        jit_compile=False,
    )
    return model


class EpochLog(ResumableCallback):
    """Records the epochs of a run, chooses their batches, and ends it when its time is over."""

    state_name = "epochs"

    def __init__(
        self, run: Run, batches: EpochBatches, directory: Path, report: ReportCaptchas
    ) -> None:
        super().__init__()
        self.rows: list[Row] = []
        self._run, self._batches = run, batches
        self._directory, self._report = directory, report
        self._steps = 0
        self._seconds = 0.0  # of earlier epochs
        self._started: float | None = None

    @property
    def is_epoch_complete(self) -> bool:
        """Whether the current epoch ran to its end."""
        return self._steps >= self._batches.steps

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Choose the batches of the epoch."""
        self._batches.epoch = epoch
        self._steps = 0
        # The first step of a process compiles the network, which is not training time.
        self._started = None if self._started is None else time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Report the steps, and stop after the time of the run."""
        # Keras counts in steps per execution, beyond the end of an epoch.
        self._steps = min(batch + 1, self._batches.steps)
        if self._started is None:
            self._started = time.monotonic()
        complete = len(self.rows) * self._batches.steps
        self._report((complete + self._steps) * self._run.batch_size)
        if self._run.minutes and self._elapsed_s >= 60 * self._run.minutes:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Write the row of the epoch."""
        values = {name: float(value) for name, value in (logs or {}).items()}
        values["epoch"] = epoch + round(self._steps / self._batches.steps, 4)
        values["seconds"] = round(self._train_s, 2)
        self.rows.append({name: _round(values[name]) for name in COLUMNS})
        self._seconds = values["seconds"]
        write_history(self._directory, self.rows)

    def on_test_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Stop the clock for the validation."""
        self._train_s = self._elapsed_s

    @property
    def _elapsed_s(self) -> float:
        now = time.monotonic()
        return self._seconds + now - (now if self._started is None else self._started)

    def get_state(self) -> dict[str, Any]:
        """Return the rows as JSON values."""
        return {"rows": self.rows}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue after the rows of a checkpoint."""
        self.rows = list(state["rows"])
        self._seconds = self.rows[-1]["seconds"]
        self._steps = self._batches.steps


def _round(value: float) -> float:
    """Return six significant digits."""
    return float(f"{value:.6g}") if math.isfinite(value) else value
