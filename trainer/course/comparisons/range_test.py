"""The learning-rate range test: the rate rises exponentially during one short run.

Smith, "Cyclical Learning Rates for Training Neural Networks" (2015, arXiv:1506.01186).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from matplotlib.figure import Figure

from trainer.course.figure_file import save_figure
from trainer.course.runs.captchas import EpochBatches, fetch_captchas
from trainer.course.runs.plan import locate_run
from trainer.course.runs.run import Run
from trainer.course.runs.sizes import TRAINING_SIZES
from trainer.course.runs.training import compile_run
from trainer.course.table_file import write_table
from trainer.course.workspace import CourseWorkspace, SizeName

_LOWEST, _HIGHEST = 1e-6, 10.0
_SMOOTHING = 0.9
# The run ends when the smoothed loss is this many times its smallest value: it has diverged.
_DIVERGED = 4.0
_TENTH = 0.1
_NOTE = (
    "Suggested: from the rate at which the smoothed loss has made a tenth of its way down, to a"
    " tenth of the rate\nat which it is smallest. The run ends when the smoothed loss is 4 times"
    " its smallest value."
)


@dataclass(frozen=True)
class Region:
    """Suggested learning rates."""

    low: float
    high: float


def list_range_runs(size: SizeName) -> list[Run]:
    """Return the run; its learning rate is the first one."""
    chosen = TRAINING_SIZES[size]
    epochs = -(-chosen.range_steps * chosen.batch_size // chosen.captchas)
    return [
        Run(chosen.network, "adam", "categorical_crossentropy", _LOWEST, chosen.batch_size, epochs)
    ]


def run_range_test(workspace: CourseWorkspace) -> list[Path]:
    """Raise the learning rate during one run, and draw the loss against it.

    Returns:
        `range-test.png` and `range-test.csv`.
    """
    run = list_range_runs(workspace.size)[0]
    steps = TRAINING_SIZES[workspace.size].range_steps
    directory = workspace.step_directory("range-test")
    command = workspace.describe_command("range-test")
    record = locate_run(workspace, run).with_name(f"{run.network}_range_test_steps_{steps}.csv")
    if not record.exists():
        _write_points(record, _train(workspace, run, steps))
    points = _read_points(record)
    rates, losses = [rate for rate, _ in points], [loss for _, loss in points]
    smoothed = smooth(losses)
    region = suggest_region(rates, smoothed)
    table = [
        {"learning_rate": f"{rate:.6g}", "loss": f"{loss:.6g}", "smoothed": f"{mean:.6g}"}
        for rate, loss, mean in zip(rates, losses, smoothed, strict=True)
    ]
    figure = draw_range_test(rates, losses, smoothed, region, run.network)
    return [
        save_figure(figure, directory / "range-test.png", command, _NOTE),
        write_table(directory / "range-test.csv", table),
    ]


def smooth(losses: Sequence[float]) -> list[float]:
    """Return the exponential moving average without the bias to its start of 0."""
    smoothed, mean = [], 0.0
    for step, loss in enumerate(losses, 1):
        mean = _SMOOTHING * mean + (1 - _SMOOTHING) * loss
        smoothed.append(mean / (1 - _SMOOTHING**step))
    return smoothed


def suggest_region(rates: Sequence[float], smoothed: Sequence[float]) -> Region | None:
    """Return the rates with which the loss falls; None if it never does.

    From the rate at which the smoothed loss has made a tenth of its way down, to a tenth of
    the rate at which it is smallest. A constant rate should be in the middle of it.
    """
    finite = [loss if math.isfinite(loss) else math.inf for loss in smoothed]
    lowest = int(np.argmin(finite))
    start, end = finite[0], finite[lowest]
    threshold = start - _TENTH * (start - end)
    first = next((i for i in range(lowest) if finite[i] < threshold), None)
    if first is None or rates[first] >= rates[lowest] * _TENTH:
        return None
    return Region(rates[first], rates[lowest] * _TENTH)


def draw_range_test(
    rates: Sequence[float],
    losses: Sequence[float],
    smoothed: Sequence[float],
    region: Region | None,
    network: str,
) -> Figure:
    """Return a figure of the loss against the learning rate."""
    figure = Figure(figsize=(10, 5.6), layout="constrained")
    figure.suptitle(f"Learning-rate range test: Adam, network {network}")
    axes = figure.subplots()
    axes.plot(rates, losses, color="#999999", linewidth=0.8, label="loss of each step")
    axes.plot(rates, smoothed, "k-", linewidth=2, label="smoothed")
    if region:
        axes.axvspan(
            region.low, region.high, facecolor="#dddddd", edgecolor="#555555", hatch="//",
            alpha=0.6, label=f"suggested: {region.low:.1g} to {region.high:.1g}",
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_ylim(0, 1.4 * smoothed[0])
    axes.set_xlabel("learning rate (logarithmic scale), raised after every step")
    axes.set_ylabel("training loss, categorical cross-entropy")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left")
    return figure


class _RangeTest(keras.callbacks.Callback):  # type: ignore[misc]
    """Raises the learning rate after every step and records the loss of the step."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.points: list[tuple[float, float]] = []
        self._rates = np.geomspace(_LOWEST, _HIGHEST, steps)
        self._total = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._total, self._in_epoch = 0.0, 0

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.model.optimizer.learning_rate = self._rates[len(self.points)]

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        # Keras reports the mean loss since the start of the epoch.
        self._in_epoch += 1
        total = float((logs or {})["loss"]) * self._in_epoch
        self.points.append((float(self._rates[len(self.points)]), total - self._total))
        self._total = total
        smoothed = smooth([loss for _, loss in self.points])
        has_diverged = not math.isfinite(smoothed[-1]) or smoothed[-1] > _DIVERGED * min(smoothed)
        if has_diverged or len(self.points) == len(self._rates):
            self.model.stop_training = True


def _train(workspace: CourseWorkspace, run: Run, steps: int) -> list[tuple[float, float]]:
    captchas = fetch_captchas(workspace)
    batches = EpochBatches(captchas, run.batch_size)
    model = compile_run(run, captchas.train.spec, workspace.seed, 1)
    callback = _RangeTest(steps)
    for epoch in range(run.epochs):
        batches.epoch = epoch
        model.fit(batches.dataset, callbacks=[callback], shuffle=False, verbose=0)
        if model.stop_training:
            break
    return callback.points


def _read_points(record: Path) -> list[tuple[float, float]]:
    with record.open(newline="") as file:
        return [(float(row["learning_rate"]), float(row["loss"])) for row in csv.DictReader(file)]


def _write_points(record: Path, points: Sequence[tuple[float, float]]) -> None:
    record.parent.mkdir(parents=True, exist_ok=True)
    write_table(
        record,
        [{"learning_rate": f"{rate:.6g}", "loss": f"{loss:.6g}"} for rate, loss in points],
    )
