"""Optimizers: those of the slides, of the course's code, and ours, each with a stated rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from trainer.course.comparisons.curves import Curve, draw_curves
from trainer.course.comparisons.summary import write_summary
from trainer.course.figure_file import save_figure
from trainer.course.runs.history import Row
from trainer.course.runs.optimizers import OPTIMIZERS
from trainer.course.runs.plan import complete_runs
from trainer.course.runs.run import Run
from trainer.course.runs.sizes import TRAINING_SIZES
from trainer.course.workspace import CourseWorkspace, SizeName

_NOTE = (
    "Beside each name: the learning rate. It is constant, and stated because the course relied on"
    " defaults, which Keras has changed since."
    " All settings: trainer/course/runs/optimizers.py."
)


def list_optimizer_runs(size: SizeName) -> list[Run]:
    """Return one run for each optimizer."""
    chosen = TRAINING_SIZES[size]
    return [
        Run(
            chosen.network, name, "categorical_crossentropy", choice.learning_rate,
            chosen.batch_size, chosen.epochs,
        )
        for name, choice in OPTIMIZERS.items()
    ]  # fmt: skip


def compare_optimizers(workspace: CourseWorkspace) -> list[Path]:
    """Train with each optimizer, and draw training loss and exact match.

    Returns:
        `optimizers.png` and `summary.csv`.
    """
    histories = complete_runs(workspace, "optimizers", list_optimizer_runs(workspace.size))
    directory = workspace.step_directory("optimizers")
    command = workspace.describe_command("optimizers")
    extra = {
        run: {
            "optimizer": OPTIMIZERS[run.optimizer].label,
            "from": OPTIMIZERS[run.optimizer].origin,
            "settings": " ".join(
                f"{name}={value}" for name, value in OPTIMIZERS[run.optimizer].settings.items()
            ),
        }
        for run in histories
    }
    figure = draw_optimizers(histories)
    return [
        save_figure(figure, directory / "optimizers.png", command, _NOTE),
        write_summary(directory / "summary.csv", histories, extra),
    ]


def draw_optimizers(histories: Mapping[Run, Sequence[Row]]) -> Figure:
    """Return a figure with the training loss beside the exact match of the validation."""
    figure = Figure(figsize=(13, 5.6), layout="constrained")
    network = next(iter(histories)).network
    figure.suptitle(
        f"Optimizers on the same network ({network}), captchas and loss (categorical cross-entropy)"
    )
    left, right = figure.subplots(1, 2)
    for axes, column in ((left, "loss"), (right, "val_exact_match")):
        curves = [
            Curve(
                f"{OPTIMIZERS[run.optimizer].label}, {run.learning_rate:g}",
                [row["epoch"] for row in rows],
                [row[column] for row in rows],
            )
            for run, rows in histories.items()
        ]
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3, which="both")
        if column == "loss":
            axes.set_yscale("log")
            axes.set_title("Training loss")
            axes.set_ylabel("loss (logarithmic scale)")
        else:
            axes.set_ylim(-0.02, 1.02)
            axes.set_title("Whole captchas right, validation")
            axes.set_ylabel("exact match")
        draw_curves(axes, curves)
    return figure
