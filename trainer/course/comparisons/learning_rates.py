"""Learning rates from 1e-5 to 1 on one network, with the regimes of the slides."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trainer.course.comparisons.curves import Curve, draw_curves
from trainer.course.comparisons.regimes import ADVICE, Regime, classify_rates
from trainer.course.comparisons.summary import write_summary
from trainer.course.figure_file import save_figure
from trainer.course.runs.history import Row
from trainer.course.runs.plan import complete_runs
from trainer.course.runs.run import Run
from trainer.course.runs.sizes import TRAINING_SIZES
from trainer.course.workspace import CourseWorkspace, SizeName

_NOTE = (
    "The regimes follow from the training loss by a rule (comparisons/regimes.py), in this order."
    " Explosion: NaN, or above 1.1 times the loss of guessing. Flat: still above 0.9 times\n"
    "that loss after half of the epochs; at a higher rate than one that learns, the network is"
    " stuck after an explosion. Good: at the end below 0.02 times that loss.\n"
    "Oscillation: in the second half, 1.25 times the epoch before. Plateau: in the second half, it"
    " falls by less than a fifth. Good: everything else."
)
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
    command = workspace.describe_command("learning-rates")
    regimes = classify_rates({run.learning_rate: rows for run, rows in histories.items()}, guessing)
    figure = draw_learning_rates(histories, regimes, guessing)
    extra = {run: {"regime": regimes[run.learning_rate]} for run in histories}
    return [
        save_figure(figure, directory / "learning-rates.png", command, _NOTE),
        write_summary(directory / "summary.csv", histories, extra),
    ]


def draw_learning_rates(
    histories: Mapping[Run, Sequence[Row]], regimes: Mapping[float, Regime], guessing: float
) -> Figure:
    """Return a figure with one panel for each rate.

    Args:
        histories: rows of each run.
        regimes: of each learning rate.
        guessing: loss of equal probabilities for all classes.
    """
    figure = Figure(figsize=(13, 6.8), layout="constrained")
    run = next(iter(histories))
    figure.suptitle(
        f"Learning rates from {RATES[0]:g} to {RATES[-1]:g}: Adam, network {run.network}, "
        "categorical cross-entropy"
    )
    columns = -(-len(histories) // 2)
    panels = figure.subplots(2, columns, sharex=True, sharey=True)
    losses = [loss for rows in histories.values() for row in rows for loss in _losses(row)]
    finite = [loss for loss in losses if math.isfinite(loss)]
    for axes, (run, rows) in zip(panels.flat, histories.items(), strict=False):
        axes.set_title(f"{run.learning_rate:g}: {ADVICE[regimes[run.learning_rate]]}", fontsize=10)
        axes.set_yscale("log")
        axes.set_ylim(min(finite) / 1.5, max(3 * guessing, *finite) * 1.5)
        _draw_rate(axes, rows, guessing)
    for axes in panels[-1]:
        axes.set_xlabel("epoch")
    for axes in panels[:, 0]:
        axes.set_ylabel("loss (logarithmic scale)")
    return figure


def _losses(row: Row) -> tuple[float, float]:
    return row["loss"], row["val_loss"]


def _draw_rate(axes: Axes, rows: Sequence[Row], guessing: float) -> None:
    axes.grid(alpha=0.3)
    axes.axhline(guessing, color="#444444", linewidth=0.8)
    axes.annotate(
        f"guessing: {guessing:.2f}", (0.98, guessing), (0, 4), fontsize=8, ha="right",
        xycoords=("axes fraction", "data"), textcoords="offset points",
    )  # fmt: skip
    if not all(math.isfinite(loss) for row in rows for loss in _losses(row)):
        axes.text(0.5, 0.5, "NaN", transform=axes.transAxes, fontsize=20, ha="center")
    epochs = [row["epoch"] for row in rows]
    training, validation = zip(*map(_losses, rows), strict=True)
    draw_curves(
        axes, [Curve("training", epochs, training), Curve("validation", epochs, validation)]
    )
