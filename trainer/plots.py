"""Every picture of a training."""

from __future__ import annotations

import csv
import logging
from pathlib import Path
from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure

from shared.labels import decode
from shared.spec import CaptchaSpec
from trainer.dataset import Split
from trainer.evaluation import Evaluation

log = logging.getLogger(__name__)

_TRAIN, _VALIDATION = "#4477aa", "#ee6677"  # told apart by colour-blind readers too
_GALLERY_ROWS, _GALLERY_COLUMNS = 6, 4


def plot_curves(history_csv: Path, target: Path) -> None:
    """Loss, whole-captcha accuracy and learning rate over the epochs, from the history."""
    with history_csv.open(newline="") as file:
        rows = list(csv.DictReader(file))
    epochs = [int(row["epoch"]) + 1 for row in rows]
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    loss, accuracy, rate = figure.subplots(1, 3)
    for axes, name, title in (
        (loss, "loss", "Loss"),
        (accuracy, "captcha_accuracy", "Whole captchas right"),
    ):
        axes.plot(epochs, [float(r[name]) for r in rows], "o-", color=_TRAIN, label="training")
        axes.plot(
            epochs,
            [float(r[f"val_{name}"]) for r in rows],
            "s-",
            color=_VALIDATION,
            label="validation",
        )
        axes.set_title(title)
        axes.legend()
    loss.set_yscale("log")
    accuracy.set_ylim(0, 1.02)
    rate.plot(epochs, [float(r["learning_rate"]) for r in rows], "o-", color="#444444")
    rate.set_title("Learning rate")
    for axes in (loss, accuracy, rate):
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
        axes.xaxis.get_major_locator().set_params(integer=True)
    figure.savefig(target, dpi=110)


def plot_gallery(split: Split, evaluation: Evaluation, spec: CaptchaSpec, target: Path) -> None:
    """Captchas with truth and prediction: the misread ones first, half of the places at most."""
    places = _GALLERY_ROWS * _GALLERY_COLUMNS
    right = (evaluation.predictions == split.labels).all(axis=1)
    wrong = np.flatnonzero(~right)[: places // 2]
    chosen = np.concatenate([wrong, np.flatnonzero(right)[: places - len(wrong)]])
    truths = decode(split.labels[chosen], spec)
    reads = decode(evaluation.predictions[chosen], spec)
    figure = Figure(figsize=(2.4 * _GALLERY_COLUMNS, 1.35 * _GALLERY_ROWS), layout="constrained")
    figure.suptitle(f"{evaluation.correct:,} of {evaluation.n:,} captchas read right")
    grid = figure.subplots(_GALLERY_ROWS, _GALLERY_COLUMNS)
    for axes in grid.flat:
        axes.axis("off")
    for axes, index, truth, read in zip(grid.flat, chosen, truths, reads, strict=False):
        axes.imshow(split.images[index], cmap="gray", vmin=0, vmax=255)
        mark = "=" if truth == read else "≠"
        axes.set_title(
            f"{truth} {mark} {read}",
            family="monospace",
            fontsize=10,
            parse_math=False,  # "$" may be a character of a captcha
            color="#222222" if truth == read else "#cc3311",
        )
    figure.savefig(target, dpi=110)


def plot_confusions(evaluation: Evaluation, spec: CaptchaSpec, target: Path) -> None:
    """How often a character was read as another; the right ones are left out."""
    wrong = evaluation.confusions.copy()
    np.fill_diagonal(wrong, 0)
    side = max(4.0, 0.32 * len(spec.charset) + 1.5)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(wrong, cmap="Reds")
    axes.set_xticks(range(len(spec.charset)), list(spec.charset), parse_math=False)
    axes.set_yticks(range(len(spec.charset)), list(spec.charset), parse_math=False)
    axes.set_xlabel("read as")
    axes.set_ylabel("truth")
    axes.set_title(f"{int(wrong.sum())} of {int(evaluation.confusions.sum()):,} characters wrong")
    for truth, read in np.argwhere(wrong):
        axes.text(read, truth, str(wrong[truth, read]), ha="center", va="center", fontsize=8)
    figure.savefig(target, dpi=110)


def draw_network(network: keras.Model, target: Path) -> None:
    """The layers with their shapes, by pydot and graphviz; without graphviz, a line in the log."""
    plot_model: Any = keras.utils.plot_model
    try:
        plot_model(network, to_file=str(target), show_shapes=True, show_layer_names=True, dpi=80)
    except ImportError as error:
        log.warning("no drawing of the network: %s", str(error).split(".", maxsplit=1)[0])
