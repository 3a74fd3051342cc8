"""Trains a network, and measures what was exported of it."""

from __future__ import annotations

import datetime
import importlib.metadata
import logging
import math
import platform
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import keras
import tensorflow as tf

from shared.artifacts import ManifestDraft
from shared.spec import CaptchaSpec
from trainer import plots
from trainer.client import Source
from trainer.config import TrainingConfig, fingerprint_recipe
from trainer.dataset import Splits
from trainer.evaluation import Evaluation, evaluate
from trainer.export import choose_golden, export, load_exported
from trainer.feed import feed
from trainer.networks import NETWORKS, build_recogniser
from trainer.progress import Progress

log = logging.getLogger(__name__)

# Steps that TensorFlow runs on its own before Python looks again: 15 % faster on a small network.
_STEPS_PER_EXECUTION = 25
_WARM_UP_SHARE = 0.1
_LAST_RATE_SHARE = 0.01


class TrainingError(RuntimeError):
    """A training that came to nothing; the text says why."""


@dataclass(frozen=True)
class Artifact:
    """A trained model on disk, not yet published."""

    directory: Path
    draft: ManifestDraft
    evaluation: Evaluation


def train_and_evaluate(
    config: TrainingConfig, source: Source, splits: Splits, workdir: Path, stream: TextIO
) -> Artifact:
    """Trains on `splits`, writes a SavedModel with its pictures into `workdir`, and measures that.

    Raises TrainingError if the loss is no number any more.
    """
    keras.utils.set_random_seed(config.seed)
    spec = source.spec
    recogniser = build_recogniser(config.network, spec)
    log.info("network %s, %s parameters", config.network, f"{recogniser.count_params():,}")
    began = time.monotonic()
    history = workdir / "history.csv"
    _fit(recogniser, config, splits, spec, history, stream)
    train_s = time.monotonic() - began
    export(recogniser, spec, workdir)
    recognise = load_exported(workdir)
    evaluation = evaluate(recognise, splits.test, spec)
    plots.plot_curves(history, workdir / "curves.png")
    plots.plot_gallery(splits.test, evaluation, spec, workdir / "gallery.png")
    plots.plot_confusions(evaluation, spec, workdir / "confusions.png")
    plots.draw_network(NETWORKS[config.network](spec), workdir / "network.png")
    metrics = evaluation.summarise(spec) | {
        "parameters": recogniser.count_params(),
        "train_s": round(train_s, 1),
        "images_per_s": round(config.epochs * config.captchas / train_s, 1),
    }
    draft = ManifestDraft(
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        recipe=fingerprint_recipe(config, spec.fingerprint, source.drawing_fingerprint),
        spec=spec.to_dict(),
        drawing=source.drawing,
        config=config.to_dict(),
        metrics=metrics,
        libraries=_library_versions(),
        golden=choose_golden(recognise, splits.test, spec),
    )
    return Artifact(workdir, draft, evaluation)


def _fit(
    recogniser: keras.Model,
    config: TrainingConfig,
    splits: Splits,
    spec: CaptchaSpec,
    history: Path,
    stream: TextIO,
) -> None:
    epoch_steps = math.ceil(len(splits.train) / config.batch_size)
    recogniser.compile(
        optimizer=_optimizer(config, epoch_steps * config.epochs),
        loss=config.loss,
        metrics=[
            keras.metrics.CategoricalAccuracy(name="character_accuracy"),
            keras.metrics.MeanMetricWrapper(_all_right, name="captcha_accuracy"),
        ],
        steps_per_execution=min(_STEPS_PER_EXECUTION, epoch_steps),
    )
    watch = _Watch(stream, epoch_steps, config.epochs)
    recogniser.fit(
        feed(splits.train, spec, config.batch_size, config.seed, config.shift),
        validation_data=feed(splits.validation, spec, 500),
        epochs=config.epochs,
        shuffle=False,  # the feed has done it
        verbose=0,
        callbacks=[
            keras.callbacks.TerminateOnNaN(),
            _RecordLearningRate(),
            keras.callbacks.CSVLogger(str(history)),
            watch,
        ],
    )
    if not math.isfinite(watch.loss):
        raise TrainingError(
            f"the loss became {watch.loss}: the learning rate {config.learning_rate:g} is too high"
        )


def _optimizer(config: TrainingConfig, steps: int) -> keras.optimizers.Optimizer:
    rate: Any = config.learning_rate
    if config.schedule == "cosine":
        warm_up = max(1, round(steps * _WARM_UP_SHARE))
        rate = keras.optimizers.schedules.CosineDecay(
            0.0,
            max(1, steps - warm_up),
            alpha=_LAST_RATE_SHARE,
            warmup_target=config.learning_rate,
            warmup_steps=warm_up,
        )
    if config.optimizer == "adamw":
        return keras.optimizers.AdamW(rate, weight_decay=config.weight_decay)
    return keras.optimizers.Adam(rate)


def _all_right(truth: Any, answer: Any) -> Any:
    """1 for each captcha with every character right, else 0."""
    same = tf.argmax(truth, axis=-1) == tf.argmax(answer, axis=-1)
    return tf.cast(tf.reduce_all(same, axis=-1), tf.float32)


class _RecordLearningRate(keras.callbacks.Callback):  # type: ignore[misc]
    """Puts the learning rate into the history, whatever policy sets it."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


class _Watch(keras.callbacks.Callback):  # type: ignore[misc]
    """Shows the training as it goes and remembers the last loss."""

    def __init__(self, stream: TextIO, epoch_steps: int, epochs: int) -> None:
        super().__init__()
        self.loss = math.nan
        self._stream = stream
        self._epoch_steps = epoch_steps
        self._epochs = epochs

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        what = f"epoch {epoch + 1} of {self._epochs}, steps"
        self._progress = Progress(self._stream, what, self._epoch_steps)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.loss = float((logs or {})["loss"])
        self._progress.update(batch + 1, f"loss {self.loss:.4f}")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = logs or {}
        log.info(
            "epoch %d: loss %.4f, validation loss %.4f, captchas right %.2f %%",
            epoch + 1,
            logs["loss"],
            logs["val_loss"],
            100 * logs["val_captcha_accuracy"],
        )


def _library_versions() -> dict[str, str]:
    versions = {name: importlib.metadata.version(name) for name in ("keras", "numpy", "pillow")}
    return versions | {
        "tensorflow": tf.__version__,  # installed under different names with and without CUDA
        "python": platform.python_version(),
        "platform": sys.platform,
    }
