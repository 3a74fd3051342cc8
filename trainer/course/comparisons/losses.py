"""Losses: four of them on the same network, captchas and optimizer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from shared.captchas.spec import CaptchaSpec
from trainer.course.comparisons.curves import Curve, draw_curves
from trainer.course.comparisons.summary import write_summary
from trainer.course.figure_file import save_figure
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
    "val_binary_accuracy": "Elements right, of all outputs",
    "val_character_accuracy": "Characters right",
    "val_exact_match": "Whole captchas right (exact match)",
}


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
    command = workspace.describe_command("losses")
    figure = draw_losses(histories, workspace.source.spec.classes)
    extra = {run: {"loss_function": LOSSES[run.loss]} for run in histories}
    return [
        save_figure(figure, directory / "losses.png", command, _build_note(workspace.source.spec)),
        write_summary(directory / "summary.csv", histories, extra),
    ]


def _build_note(spec: CaptchaSpec) -> str:
    n, outputs = spec.length, spec.length * spec.classes
    return (
        f"Only curves within a panel can be compared. Our losses are means over the {n} positions."
        f" The course computes categorical cross-entropy\nover all {outputs} outputs at once. They"
        f" sum to {n}, and Keras divides them by their sum: its values are {n} times ours plus"
        f" {n} ln {n} = {n * math.log(n):.3f},\nits gradients {n} times ours, and its optimum is"
        " the same. Poisson is never below the mean of the outputs, 1 / classes ="
        f" {1 / spec.classes:.3g}."
    )


def draw_losses(histories: Mapping[Run, Sequence[Row]], classes: int) -> Figure:
    """Return a figure with three panels of metrics above one panel for each loss.

    Args:
        histories: rows of each run.
        classes: characters that a position can have.
    """
    figure = Figure(figsize=(14, 8), layout="constrained")
    run = next(iter(histories))
    figure.suptitle(
        f"Four losses on the same network ({run.network}), captchas and optimizer"
        f" (Adam, learning rate {run.learning_rate:g})"
    )
    rows_of_panels = figure.add_gridspec(2, 1, height_ratios=(1.15, 1))
    above = figure.add_subfigure(rows_of_panels[0]).subplots(1, len(_METRICS))
    below = figure.add_subfigure(rows_of_panels[1]).subplots(1, len(histories))
    for axes, (name, title) in zip(above, _METRICS.items(), strict=True):
        _prepare(axes, title, "fraction, validation")
        axes.set_ylim(-0.02, 1.02)
        curves = [_build_curve(LOSSES[run.loss], histories[run], name) for run in histories]
        if name == "val_binary_accuracy":
            _mark_all_zeros(axes, 1 - 1 / classes, min(min(curve.y) for curve in curves))
        draw_curves(axes, curves)
    for axes, (run, rows) in zip(below, histories.items(), strict=True):
        _prepare(axes, f"Loss: {LOSSES[run.loss]}", "loss")
        curves = [
            _build_curve("training", rows, "loss"),
            _build_curve("validation", rows, "val_loss"),
        ]
        finite = [value for curve in curves for value in curve.y if math.isfinite(value)]
        axes.set_ylim(0, 1.05 * max(finite, default=1))
        if not finite:
            axes.text(0.5, 0.5, "NaN", transform=axes.transAxes, fontsize=20, ha="center")
        draw_curves(axes, curves)
    return figure


def _build_curve(label: str, rows: Sequence[Row], column: str) -> Curve:
    return Curve(label, [row["epoch"] for row in rows], [row[column] for row in rows])


def _prepare(axes: Axes, title: str, y_label: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("epoch")
    axes.set_ylabel(y_label)
    axes.grid(alpha=0.3)


def _mark_all_zeros(axes: Axes, score: float, lowest: float) -> None:
    # A confident network that is wrong at every position scores less than one that answers zeros.
    axes.set_ylim(min(score, lowest) - 0.03, 1.003)
    axes.axhline(score, color="#444444", linewidth=1)
    axes.annotate(
        f"{score:.4f}: what answering all zeros scores", (0.03, score), (0, -4),
        xycoords=("axes fraction", "data"), textcoords="offset points", va="top", fontsize=8,
    )  # fmt: skip
