"""Networks: the exact match that each reaches in the same training time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from trainer.course.comparisons.curves import Curve, draw_curves
from trainer.course.figure_file import save_figure
from trainer.course.runs.captchas import digest_captchas
from trainer.course.runs.history import Row
from trainer.course.runs.optimizers import OPTIMIZERS
from trainer.course.runs.plan import complete_runs
from trainer.course.runs.run import Run
from trainer.course.runs.sizes import TRAINING_SIZES
from trainer.course.table_file import write_table
from trainer.course.workspace import CourseWorkspace, SizeName
from trainer.evaluation.accuracy import wilson_interval


def list_network_runs(size: SizeName) -> list[Run]:
    """Return one run for each network, all with the same training time."""
    chosen = TRAINING_SIZES[size]
    rate = OPTIMIZERS["adam"].learning_rate
    return [
        Run(
            network, "adam", "categorical_crossentropy", rate, chosen.batch_size,
            minutes=chosen.network_minutes,
        )
        for network in chosen.networks
    ]  # fmt: skip


def compare_networks(workspace: CourseWorkspace) -> list[Path]:
    """Train each network for the same time, and draw and write its exact match.

    Returns:
        `networks.png` and `accuracy.csv`, with 95 % intervals (Wilson).
    """
    histories = complete_runs(workspace, "networks", list_network_runs(workspace.size))
    directory = workspace.step_directory("networks")
    command = workspace.describe_command("networks")
    n = TRAINING_SIZES[workspace.size].validation
    digest = digest_captchas(workspace)
    rows = [_summarise(run, history[-1], n, digest) for run, history in histories.items()]
    return [
        save_figure(draw_networks(histories, n), directory / "networks.png", command),
        write_table(directory / "accuracy.csv", rows),
    ]


def _summarise(run: Run, last: Row, n: int, digest: str) -> dict[str, str]:
    exact_match = last["val_exact_match"]
    low, high = wilson_interval(round(exact_match * n), n)
    return {
        "network": run.network,
        "exact_match": f"{exact_match:.4f}",
        "low": f"{low:.4f}",
        "high": f"{high:.4f}",
        "minutes": f"{run.minutes:g}",
        "epochs": f"{last['epoch']:g}",
        "n": f"{n}",
        "digest": digest,
    }


def draw_networks(histories: Mapping[Run, Sequence[Row]], n: int) -> Figure:
    """Return a figure of the exact match over the training time.

    Args:
        histories: rows of each run.
        n: captchas that each accuracy was measured with.
    """
    figure = Figure(figsize=(10, 5.8), layout="constrained")
    run = next(iter(histories))
    figure.suptitle(
        f"Exact match after the same training time (Adam, learning rate {run.learning_rate:g})"
    )
    axes = figure.subplots()
    curves = []
    for run, rows in histories.items():
        last = rows[-1]
        low, high = wilson_interval(round(last["val_exact_match"] * n), n)
        label = f"{run.network}: {last['val_exact_match']:.1%} ({low:.1%} to {high:.1%})"
        seconds = [0.0, *(row["seconds"] for row in rows)]
        curves.append(Curve(label, seconds, [0.0, *(row["val_exact_match"] for row in rows)]))
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel(
        "training time in seconds, without compilation and validation; one marker per epoch"
    )
    axes.set_ylabel(f"exact match on {n:,} captchas")
    axes.set_title("At the end: exact match with its 95 % interval", fontsize=9)
    axes.grid(alpha=0.3)
    draw_curves(axes, curves)
    return figure
