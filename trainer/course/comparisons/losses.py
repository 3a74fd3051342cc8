"""Losses: four of them on the same network, captchas and optimizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trainer.course.comparisons.curves import Curve, draw_curves, save_figure
from trainer.course.comparisons.summary import write_summary
from trainer.course.runs.history import Row
from trainer.course.runs.optimizers import OPTIMIZERS
from trainer.course.runs.plan import complete_runs
from trainer.course.runs.run import LossName, Run
from trainer.course.runs.sizes import TRAINING_SIZES
from trainer.course.workspace import CourseWorkspace, SizeName

LOSSES: dict[LossName, str] = {
    "categorical_crossentropy": "categorical cross-entropy",
    "binary_crossentropy": "binary cross-entropy",
    "mean_squared_error": "mean squared error",
    "poisson": "Poisson",
}
"""Names in figures."""
_METRICS = {
    "val_binary_accuracy": "Elements right, of 40 outputs",
    "val_character_accuracy": "Characters right",
    "val_exact_match": "Whole captchas right (exact match)",
}
_NOTE = (
    "Only curves within a panel can be compared. Each loss is the mean over 4 positions. The course "
    "computes categorical cross-entropy over all 40 outputs\nat once, which sum to 4: Keras divides "
    "them by 4, so that the course's values are 4 times ours plus 4 ln 4 = 5.545. The gradient is "
    "4 times ours, the optimum the same."
)


def list_loss_runs(size: SizeName) -> list[Run]:
    """Return one run for each loss."""
    chosen = TRAINING_SIZES[size]
    rate = OPTIMIZERS["adam"].learning_rate
    return [
        Run(chosen.network, "adam", loss, rate, chosen.batch_size, chosen.epochs) for loss in LOSSES
    ]


def compare_losses(workspace: CourseWorkspace) -> list[Path]:
    """Train with each loss, and draw metrics and losses in panels of their own.

    Returns:
        `losses.png` and `summary.csv`.
    """
    histories = complete_runs(workspace, "losses", list_loss_runs(workspace.size))
    directory = workspace.step_directory("losses")
    figure = draw_losses(histories, workspace.source.spec.classes)
    extra = {run: {"loss_function": LOSSES[run.loss]} for run in histories}
    return [
        save_figure(figure, directory / "losses.png", workspace, "losses"),
        write_summary(directory / "summary.csv", histories, extra),
    ]


def draw_losses(histories: Mapping[Run, Sequence[Row]], classes: int) -> Figure:
    """Return a figure with three panels of metrics above one panel for each loss.

    Args:
        histories: rows of each run.
        classes: characters that a position can have.
    """
    figure = Figure(figsize=(13, 7.6), layout="constrained")
    run = next(iter(histories))
    figure.suptitle(
        f"Four losses on the same network ({run.network}), captchas and optimizer"
        f" (Adam, learning rate {run.learning_rate:g})"
    )
    above, below = figure.subfigures(2, 1, height_ratios=(1.15, 1))
    for axes, (name, title) in zip(above.subplots(1, 3), _METRICS.items(), strict=True):
        _prepare(axes, title, "fraction, validation")
        axes.set_ylim(-0.02, 1.02)
        if name == "val_binary_accuracy":
            _mark_all_zeros(axes, 1 - 1 / classes)
        curves = [
            Curve(LOSSES[run.loss], [row["epoch"] for row in rows], [row[name] for row in rows])
            for run, rows in histories.items()
        ]
        draw_curves(axes, curves)
    panels = below.subplots(1, len(histories))
    for number, (axes, (run, rows)) in enumerate(zip(panels, histories.items(), strict=True)):
        _prepare(axes, f"Loss: {LOSSES[run.loss]}", "loss")
        epochs = [row["epoch"] for row in rows]
        axes.set_ylim(0, 1.05 * max(max(row["loss"], row["val_loss"]) for row in rows))
        draw_curves(axes, [Curve("training", epochs, [row["loss"] for row in rows])], number)
        draw_curves(axes, [Curve("validation", epochs, [row["val_loss"] for row in rows])], number)
    below.text(0.01, 0.0, _NOTE, fontsize=8, va="bottom")
    return figure


def _prepare(axes: Axes, title: str, y_label: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("epoch")
    axes.set_ylabel(y_label)
    axes.grid(alpha=0.3)


def _mark_all_zeros(axes: Axes, score: float) -> None:
    axes.set_ylim(score - 0.03, 1.003)
    axes.axhline(score, color="#444444", linewidth=1)
    axes.annotate(
        f"{score:.4f}: what answering all zeros scores", (0.03, score), (0, -4),
        xycoords=("axes fraction", "data"), textcoords="offset points", va="top", fontsize=8,
    )  # fmt: skip
