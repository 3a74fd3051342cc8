"""One training: a network, its data and its callbacks in one `model.fit`."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import keras
import tensorflow as tf

from trainer.config import TrainingConfig
from trainer.data.batches import TrainingBatches, build_evaluation_batches
from trainer.data.splits import Splits
from trainer.disk_space import require_disk_space
from trainer.errors import TrainingError
from trainer.networks.tta import add_test_time_augmentation
from trainer.status_writer import StatusWriter
from trainer.training.adaptive_schedule import AdaptiveSchedule
from trainer.training.backup import Backup, ResumableCallback
from trainer.training.batch_norm import BatchNormRecalibration
from trainer.training.checkpoints import CheckpointStore
from trainer.training.epoch_sampling import EpochSampling
from trainer.training.metrics import CharacterAccuracy, ExactMatch
from trainer.training.optimizers import build_optimizer
from trainer.training.status_report import StatusReport
from trainer.training.stopping import Stopping
from trainer.training.time_limit import TimeLimit
from trainer.training.training_log import TrainingHistory, TrainingLog

log = logging.getLogger(__name__)

# Steps that TensorFlow runs between two calls of the callbacks: 15 % faster on a small network.
_STEPS_PER_EXECUTION = 25


@dataclass(frozen=True)
class FitResult:
    """A trained model with the weights that `Stopping` keeps.

    Attributes:
        model: uint8 (B, height, width) -> probabilities float32 (B, length, classes).
        history: what happened.
    """

    model: keras.Model
    history: TrainingHistory


def fit(
    recogniser: keras.Model,
    config: TrainingConfig,
    splits: Splits,
    directory: Path,
    stream: TextIO,
    status: StatusWriter | None = None,
) -> FitResult:
    """Train a network. A training that was stopped resumes from its last complete epoch.

    Args:
        recogniser: uint8 (B, height, width) -> probabilities float32 (B, length, classes).
        config: hyperparameters.
        splits: training and validation captchas.
        directory: an existing directory for checkpoints and TensorBoard's event files.
        stream: where the progress is shown.
        status: where the training is reported, if it is.

    Raises:
        TrainingError: if the loss is not finite or the memory does not suffice.
        DiskSpaceError: if the checkpoints do not fit onto the disk.
    """
    batches = TrainingBatches(splits.train, config)
    steps = config.epochs * batches.steps_per_epoch
    optimizer = build_optimizer(config, steps)
    optimizer.build(recogniser.trainable_variables)
    variables = [*recogniser.variables, *optimizer.variables]
    character_accuracy = CharacterAccuracy(splits.train.spec)
    model = add_test_time_augmentation(recogniser, config.tta_views)
    model.compile(
        optimizer=optimizer,
        loss=config.loss,
        metrics=[ExactMatch(splits.train.spec), character_accuracy],
        steps_per_execution=min(_STEPS_PER_EXECUTION, batches.steps_per_epoch),
        jit_compile=False,  # compiling takes 4 s and is no faster on a CPU (docs/experiments.md)
    )

    training_log = TrainingLog(config, batches.images_per_epoch, stream)
    sampling = EpochSampling(config, batches, character_accuracy, training_log)
    rate_callbacks = _build_rate_callbacks(config, variables, training_log, steps)
    initial_weights = model.get_weights()
    stopping = Stopping(config, training_log, initial_weights, len(splits.validation))
    callbacks = [
        training_log,
        sampling,
        *rate_callbacks,
        BatchNormRecalibration(recogniser, batches),
        keras.callbacks.TensorBoard(str(directory), write_graph=False),
        stopping,
    ]
    resumable = [callback for callback in callbacks if isinstance(callback, ResumableCallback)]
    store = CheckpointStore(directory)
    backup = Backup(store, variables, resumable, lambda: training_log.is_epoch_complete)

    initial_epoch = backup.resume()
    if initial_epoch:
        # The stop criteria may have changed: another target, patience or time limit.
        stopping.update_stop_reason(initial_epoch)
    if status:
        report = StatusReport(status, training_log, splits.validation)
        report.start(model)
        callbacks.append(report)
    if not training_log.history.stop_reason:
        require_disk_space(directory, backup.missing_bytes)
        with _training_errors(config, training_log):
            model.fit(
                batches.dataset,
                initial_epoch=initial_epoch,
                epochs=config.epochs,
                validation_data=build_evaluation_batches(splits.validation),
                callbacks=[*callbacks, backup],  # the backup stores what the others have changed
                shuffle=False,  # the batches are shuffled already
                verbose=0,
            )
    weights = stopping.kept_weights
    if fraction := config.initial_weights_fraction:
        weights = [
            fraction * initial + (1 - fraction) * trained
            for initial, trained in zip(initial_weights, weights, strict=True)
        ]
    model.set_weights(weights)
    history = training_log.history
    log.info(
        "training stopped after epoch %g: %s; the weights are those of epoch %g%s",
        history.epochs[-1]["epoch"],
        history.stop_reason,
        stopping.kept_epoch,
        f", averaged with {fraction:g} of the initial ones" if fraction else "",
    )
    return FitResult(model, history)


def _build_rate_callbacks(
    config: TrainingConfig,
    variables: Sequence[keras.Variable],
    training_log: TrainingLog,
    steps: int,
) -> list[keras.callbacks.Callback]:
    callbacks: list[keras.callbacks.Callback] = []
    if config.max_minutes:
        callbacks.append(TimeLimit(config, training_log, steps))
    if config.schedule == "adaptive":
        callbacks.append(AdaptiveSchedule(config.learning_rate, variables, training_log))
    else:
        callbacks.append(keras.callbacks.TerminateOnNaN(raise_error=True))
    return callbacks


@contextmanager
def _training_errors(config: TrainingConfig, training_log: TrainingLog) -> Iterator[None]:
    """Convert errors that the user can fix to TrainingError."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        # Keras puts a traceback of the graph before the reason.
        found = re.search(r"OOM .*|.*No space left on device.*", error.message)
        raise TrainingError(
            f"memory or disk space is exhausted, with batches of {config.batch_size} captchas:"
            f" {found[0] if found else error.message.partition(chr(10))[0]}"
        ) from error
    except RuntimeError as error:
        # TerminateOnNaN raises a plain RuntimeError.
        if isinstance(error, TrainingError) or math.isfinite(training_log.window_loss):
            raise
        raise TrainingError(
            f"the loss became {training_log.window_loss}: the learning rate"
            f" {config.learning_rate:g} is too high; lower it, or use the adaptive schedule"
        ) from error
