"""Learning rates from 1e-5 to 1 on one network, with the regimes of the slides."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trainer.course.comparisons.curves import Curve, draw_curves, save_figure
from trainer.course.comparisons.regimes import ADVICE, classify
from trainer.course.comparisons.summary import write_summary
from trainer.course.runs.history import Row
from trainer.course.runs.plan import complete_runs
from trainer.course.runs.run import Run
from trainer.course.runs.sizes import TRAINING_SIZES
from trainer.course.workspace import CourseWorkspace, SizeName

RATES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)


def list_rate_runs(size: SizeName) -> list[Run]:
    """Return one run for each learning rate."""
    chosen = TRAINING_SIZES[size]
    return [
        Run(
            chosen.network, "adam", "categorical_crossentropy", rate,
            chosen.batch_size, chosen.rate_epochs,
        )
        for rate in RATES
    ]  # fmt: skip


def compare_learning_rates(workspace: CourseWorkspace) -> list[Path]:
    """Train with each learning rate, and draw the losses with their regimes.

    Returns:
        `learning-rates.png` and `summary.csv`.
    """
    histories = complete_runs(workspace, "learning-rates", list_rate_runs(workspace.size))
    guessing = math.log(workspace.source.spec.classes)
    directory = workspace.step_directory("learning-rates")
    figure = draw_learning_rates(histories, guessing)
    extra = {run: {"regime": classify(rows, guessing)} for run, rows in histories.items()}
    return [
        save_figure(figure, directory / "learning-rates.png", workspace, "learning-rates"),
        write_summary(directory / "summary.csv", histories, extra),
    ]


def draw_learning_rates(histories: Mapping[Run, Sequence[Row]], guessing: float) -> Figure:
    """Return a figure with one panel for each rate.

    Args:
        histories: rows of each run.
        guessing: loss of equal probabilities for all classes.
    """
    figure = Figure(figsize=(13, 6.8), layout="constrained")
    run = next(iter(histories))
    figure.suptitle(
        f"Learning rates from {RATES[0]:g} to {RATES[-1]:g}: Adam, network {run.network}, "
        "categorical cross-entropy. Regimes by the rule of the function classify"
    )
    columns = -(-len(histories) // 2)
    panels = figure.subplots(2, columns, sharex=True).ravel()
    for axes, (run, rows) in zip(panels, histories.items(), strict=False):
        _draw_rate(axes, run, rows, guessing)
    return figure


def _draw_rate(axes: Axes, run: Run, rows: Sequence[Row], guessing: float) -> None:
    axes.set_title(f"{run.learning_rate:g}: {ADVICE[classify(rows, guessing)]}", fontsize=10)
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss (logarithmic scale)")
    axes.set_yscale("log")
    axes.grid(alpha=0.3)
    axes.axhline(guessing, color="#444444", linewidth=0.8)
    axes.annotate(
        f"guessing: {guessing:.2f}", (0.98, guessing), (0, 3), fontsize=7, ha="right",
        xycoords=("axes fraction", "data"), textcoords="offset points",
    )  # fmt: skip
    epochs = [row["epoch"] for row in rows]
    finite = [
        value for row in rows for value in (row["loss"], row["val_loss"]) if math.isfinite(value)
    ]
    axes.set_ylim(min([0.005, *finite]) / 1.3, max([3 * guessing, *finite]) * 1.3)
    if len(finite) < 2 * len(rows):
        axes.text(0.5, 0.5, "NaN", transform=axes.transAxes, fontsize=20, ha="center")
    draw_curves(
        axes,
        [
            Curve("training", epochs, [row["loss"] for row in rows]),
            Curve("validation", epochs, [row["val_loss"] for row in rows]),
        ],
    )
