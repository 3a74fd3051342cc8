"""The record of a training: values per epoch and per step, learning-rate changes, stop reason."""

from __future__ import annotations

import csv
import logging
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from trainer.config import TrainingConfig
from trainer.progress import Progress
from trainer.training.backup import ResumableCallback

log = logging.getLogger(__name__)


class Point(NamedTuple):
    """Values of a few steps."""

    epochs: float
    """Epochs completed, as a fraction."""
    loss: float
    """Mean loss since the previous point."""
    learning_rate: float


@dataclass(frozen=True)
class RateChange:
    """A learning-rate change of the adaptive schedule."""

    step: int
    learning_rate: float
    reason: str
    restores: bool = False
    """Whether the last trusted state of the network is restored as well."""


@dataclass
class TrainingHistory:
    """What happened in a training, including the part before it was resumed."""

    steps_per_epoch: int
    epochs: list[dict[str, float]] = field(default_factory=list)
    """One row per epoch, as in history.csv."""
    points: list[Point] = field(default_factory=list)
    rate_changes: list[RateChange] = field(default_factory=list)
    steps: int = 0
    """Steps of training, without those of an epoch that was repeated after a resume."""
    elapsed_s: float = 0.0
    stop_reason: str = ""
    is_out_of_time: bool = False
    """Whether the training would have continued with a higher time limit."""

    def write_csv(self, path: Path) -> None:
        """Write the rows of the epochs."""
        with path.open("w", newline="") as file:
            table = csv.DictWriter(file, list(self.epochs[0]))
            table.writeheader()
            table.writerows(self.epochs)


class TrainingLog(ResumableCallback):
    """Records a training and shows its progress.

    History and CSVLogger of Keras record epochs only, and a resumed CSVLogger repeats the row of an
    epoch that was killed before its checkpoint. Keras reports the mean loss since the start of the
    epoch; the adaptive schedule needs the mean loss of the last steps.
    """

    state_name = "history"

    def __init__(self, config: TrainingConfig, images_per_epoch: int, stream: TextIO) -> None:
        super().__init__()
        self._images_per_epoch = images_per_epoch
        self.history = TrainingHistory(-(-images_per_epoch // config.batch_size))
        self.window_loss = 0.0
        """Mean loss of the steps since the previous callback; 0 before the first callback."""
        self._config, self._stream = config, stream
        self._epoch = self._steps_in_epoch = 0
        self._started = time.monotonic()
        self._earlier_s = 0.0
        self.restart_window()

    @property
    def elapsed_s(self) -> float:
        """Seconds of training and validation, including those before a resume."""
        return self._earlier_s + time.monotonic() - self._started

    @property
    def step(self) -> int:
        """Steps completed since the start of the training."""
        return self._epoch * self.history.steps_per_epoch + self._steps_in_epoch

    @property
    def is_epoch_complete(self) -> bool:
        """Whether the current epoch ran to its end; the time limit can cut it off."""
        return self._steps_in_epoch >= self.history.steps_per_epoch

    @property
    def epochs_done(self) -> float:
        """Epochs completed; a fraction if the last one was cut off."""
        if self.is_epoch_complete:
            return self._epoch + 1
        # Four digits, so that a part of an epoch is never rounded to a whole one.
        return self._epoch + round(self._steps_in_epoch / self.history.steps_per_epoch, 4)

    @property
    def progress(self) -> float:
        """Fraction of the training that is done, by steps or by the time limit."""
        done = self.step / (self._config.epochs * self.history.steps_per_epoch)
        if self._config.max_minutes:
            done = max(done, self.elapsed_s / (60 * self._config.max_minutes))
        return min(done, 1.0)

    def restart_window(self) -> None:
        """Start a new window after the metrics of the model were reset."""
        self._window_start = self._steps_in_epoch
        self._total_loss = 0.0

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Start the record of an epoch."""
        self._epoch, self._steps_in_epoch = epoch, 0
        self._finite_losses: list[tuple[int, float]] = []  # images and mean loss of the windows
        self.restart_window()
        task = f"epoch {epoch + 1} of {self._config.epochs}, steps"
        self._progress = Progress(self._stream, task, self.history.steps_per_epoch)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Record the steps since the previous call. Keras calls this once per execution."""
        previous = self._steps_in_epoch
        self._steps_in_epoch = min(batch + 1, self.history.steps_per_epoch)
        images = self._count_images(previous, self._steps_in_epoch)
        # Keras weights its mean by the size of each batch, and the last one can be smaller.
        seen = self._count_images(self._window_start, self._steps_in_epoch)
        total = float((logs or {})["loss"]) * seen
        self.window_loss = (total - self._total_loss) / images
        self._total_loss = total
        if math.isfinite(self.window_loss):
            self._finite_losses.append((images, self.window_loss))
        self.history.steps += self._steps_in_epoch - previous
        epochs = self.step / self.history.steps_per_epoch
        self.history.points.append(Point(epochs, self.window_loss, self._learning_rate))
        self._progress.update(self._steps_in_epoch, f"loss {self.window_loss:.4f}")

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Record the values of the epoch and log a line."""
        images = sum(count for count, _ in self._finite_losses)
        total = sum(count * loss for count, loss in self._finite_losses)
        row: dict[str, float] = {"epoch": self.epochs_done}
        row |= {name: float(value) for name, value in (logs or {}).items()}
        row["loss"] = total / images if images else math.nan
        row["learning_rate"] = self._learning_rate
        row["elapsed_s"] = round(self.elapsed_s, 1)
        self.history.epochs.append(row)
        self.history.elapsed_s = self.elapsed_s
        log.info(
            "epoch %g: loss %.4f, validation loss %.4f, validation accuracy %.2f %%",
            row["epoch"],
            row["loss"],
            row["val_loss"],
            100 * row["val_exact_match"],
        )

    def _count_images(self, start: int, end: int) -> int:
        """Return the number of images in the steps start..end-1 of an epoch."""
        size = self._config.batch_size
        return min(end * size, self._images_per_epoch) - start * size

    @property
    def _learning_rate(self) -> float:
        return float(self.model.optimizer.learning_rate)

    def get_state(self) -> dict[str, Any]:
        """Return the history as JSON values."""
        return asdict(self.history)

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue a history."""
        lists = {
            "points": [Point(*point) for point in state["points"]],
            "rate_changes": [RateChange(**change) for change in state["rate_changes"]],
        }
        self.history = TrainingHistory(**{**state, **lists})
        self._epoch = len(self.history.epochs) - 1
        self._steps_in_epoch = self.history.steps_per_epoch
        self._earlier_s = self.history.elapsed_s
