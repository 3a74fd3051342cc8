"""The report of a training to its live status."""

from __future__ import annotations

import base64
import io
import math
import statistics
import time
from collections.abc import Mapping, Sequence

import keras
import numpy as np
import numpy.typing as npt
from PIL import Image

from shared.captchas.labels import best_indices, decode
from shared.versions.training_status import (
    MAX_EPOCHS_DONE,
    MAX_LOSS_POINTS,
    MAX_SAMPLES,
    EpochDone,
    LossPoint,
    TrainingSample,
)
from trainer.data.splits import Split
from trainer.status_writer import StatusWriter
from trainer.training.training_log import Point, TrainingLog

# They keep the status below 100 kB.
_MAX_IMAGE_SIZE_PX = (200, 100)
_MAX_IMAGE_CHARACTERS = 64_000


class StatusReport(keras.callbacks.Callback):  # type: ignore[misc]
    """Reports progress, curves and predictions, all derived from the training log.

    So a resumed training reports the epochs before it was stopped as well.
    """

    def __init__(self, status: StatusWriter, training_log: TrainingLog, validation: Split) -> None:
        super().__init__()
        self._status, self._log = status, training_log
        # From every subset.
        rows = np.linspace(0, len(validation) - 1, min(MAX_SAMPLES, len(validation)))
        chosen = validation.select(rows.astype(np.int64), "samples")
        pngs = _encode_images(chosen.images[:])
        self._spec, self._pngs = chosen.spec, pngs
        self._images = chosen.images[: len(pngs)]
        self._labels = decode(chosen.labels[: len(pngs)], chosen.spec)

    def start(self, model: keras.Model) -> None:
        """Report a training before its first step, or before the first one after a resume."""
        self._started, self._initial_progress = time.monotonic(), self._log.progress
        self._report(state="training", samples=self._predict(model))

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Report the progress."""
        if self._status.is_due:
            self._report()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Report the epoch and the predictions after it."""
        self._report(samples=self._predict(self.model))

    def _report(self, **changes: object) -> None:
        history, step = self._log.history, self._log.step
        epoch = math.ceil(step / history.steps_per_epoch)
        self._status.update(
            epoch=epoch,
            step=step - (epoch - 1) * history.steps_per_epoch if epoch else 0,
            steps=history.steps_per_epoch,
            progress=round(self._log.progress, 4),
            seconds_left=self._estimate_seconds_left(),
            loss=_thin_points(history.points),
            epochs_done=_list_epochs(history.epochs),
            **changes,
        )

    def _estimate_seconds_left(self) -> float | None:
        progress = self._log.progress
        done = progress - self._initial_progress
        seconds = time.monotonic() - self._started
        return round(seconds * (1 - progress) / done, 1) if done > 0 else None

    def _predict(self, model: keras.Model) -> tuple[TrainingSample, ...]:
        if not self._pngs:
            return ()
        probabilities = np.asarray(model(self._images, training=False))
        predictions = decode(best_indices(probabilities, self._spec), self._spec)
        return tuple(
            TrainingSample(image=png, label=label, prediction=prediction)
            for png, label, prediction in zip(self._pngs, self._labels, predictions, strict=True)
        )


def _encode_images(images: npt.NDArray[np.uint8]) -> list[str]:
    """Return the first images (N, height, width) as PNGs in base64, as many as the status holds."""
    encoded: list[str] = []
    for pixels in images:
        image = Image.fromarray(pixels)
        image.thumbnail(_MAX_IMAGE_SIZE_PX)  # only ever smaller
        png = io.BytesIO()
        image.save(png, format="png", optimize=True)
        encoded.append(base64.b64encode(png.getvalue()).decode("ascii"))
        if sum(map(len, encoded)) > _MAX_IMAGE_CHARACTERS:
            return encoded[:-1]
    return encoded


def _thin_points(points: Sequence[Point]) -> tuple[LossPoint, ...]:
    """Return the means of equally many points. Points that are not finite are left out."""
    finite = [point for point in points if math.isfinite(point.loss)]
    size = math.ceil(len(finite) / MAX_LOSS_POINTS)
    groups = [finite[start : start + size] for start in range(0, len(finite), size or 1)]
    return tuple(
        LossPoint(
            epoch=round(group[-1].epochs, 4),
            loss=_round(statistics.fmean(point.loss for point in group)),
        )
        for group in groups
    )


def _list_epochs(rows: Sequence[Mapping[str, float]]) -> tuple[EpochDone, ...]:
    """Return the epochs; if they are too many, every second one and so on, and the last one."""
    stride = math.ceil(len(rows) / MAX_EPOCHS_DONE) or 1
    return tuple(
        EpochDone(
            epoch=row["epoch"],
            loss=_finite(row["loss"]),
            validation_loss=_finite(row["val_loss"]),
            validation_accuracy=row["val_exact_match"],
        )
        for row in rows[::-stride][::-1]
    )


def _finite(value: float) -> float | None:
    return _round(value) if math.isfinite(value) else None


def _round(value: float) -> float:
    """Return four significant digits, since the status is small."""
    return float(f"{value:.4g}")
