"""Every picture of a training."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from shared.labels import decode
from shared.spec import CaptchaSpec
from trainer.dataset import Split
from trainer.evaluation import Evaluation, list_symbols
from trainer.history import History, Point

log = logging.getLogger(__name__)

_TRAIN, _VALIDATION = "#4477aa", "#ee6677"  # told apart by colour-blind readers too
_MOVE = "#ccaa33"
_MOST_POINTS = 500
_MOST_REASONS = 8
_GALLERY_ROWS, _GALLERY_COLUMNS = 6, 4


def plot_curves(history: History, target: Path) -> None:
    """Loss, whole-captcha accuracy and learning rate over the passes, with what moved the rate."""
    passes = [row["pass"] for row in history.passes]
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    loss, accuracy, rate = figure.subplots(1, 3)
    done, losses, rates = zip(*_thin_out(history.points), strict=True)
    loss.plot(done, losses, color=_TRAIN, linewidth=0.8, alpha=0.6, label="training")
    loss.plot(
        passes, [r["val_loss"] for r in history.passes], "s-", color=_VALIDATION, label="validation"
    )
    loss.set_title("Loss")
    loss.set_yscale("log")
    for name, mark, colour, label in (
        ("captcha_accuracy", "o-", _TRAIN, "training (varied)"),
        ("val_captcha_accuracy", "s-", _VALIDATION, "validation"),
    ):
        values = [r[name] for r in history.passes]
        accuracy.plot(passes, values, mark, color=colour, label=label)
    accuracy.set_title("Whole captchas right")
    accuracy.set_ylim(0, 1.02)
    rate.plot(done, rates, color="#444444", drawstyle="steps-post")
    rate.set_title("Learning rate")
    for number, move in enumerate(history.moves, start=1):
        rate.axvline(
            move.step / history.pass_steps,
            color=_MOVE,
            linestyle=":",
            label=f"{number}. {move.reason}" if number <= _MOST_REASONS else None,
        )
    if history.moves:
        rate.legend(fontsize=6)
        rate.set_yscale("log")
    loss.legend()
    accuracy.legend()
    for axes in (loss, accuracy, rate):
        axes.set_xlabel("passes")
        axes.set_xlim(0, passes[-1] * 1.02)
        axes.grid(alpha=0.3)
        axes.xaxis.get_major_locator().set_params(integer=True)
    figure.savefig(target, dpi=110)


def _thin_out(points: Sequence[Point]) -> Sequence[Point]:
    """So many of them as can be told apart, the last one among them."""
    every = max(1, len(points) // _MOST_POINTS)
    return [*points[:-1:every], points[-1]]


def pick_shown(right: npt.NDArray[np.bool_], places: int) -> npt.NDArray[np.intp]:
    """Rows to show, at most `places`: misread ones first, which take half of them at most.

    right: (N,). They come from everywhere: captchas of different drawings lie one after the other.
    """

    def spread(rows: npt.NDArray[np.intp], most: int) -> list[int]:
        wanted = np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(int)
        return [int(rows[row]) for row in wanted]

    wrong = spread(np.flatnonzero(~right), places // 2)
    return np.array(wrong + spread(np.flatnonzero(right), places - len(wrong)), np.intp)


def plot_gallery(split: Split, evaluation: Evaluation, spec: CaptchaSpec, target: Path) -> None:
    """Captchas with truth and prediction, the misread ones first."""
    right = (evaluation.predictions == split.labels).all(axis=1)
    chosen = pick_shown(right, _GALLERY_ROWS * _GALLERY_COLUMNS)
    truths = decode(split.labels[chosen], spec)
    reads = decode(evaluation.predictions[chosen], spec)
    figure = Figure(figsize=(2.4 * _GALLERY_COLUMNS, 1.35 * _GALLERY_ROWS), layout="constrained")
    figure.suptitle(
        f"{evaluation.correct:,} of {evaluation.n:,} captchas read right; the misread ones first,"
        " the truth on the left"
    )
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
    symbols = list_symbols(spec)
    side = max(4.0, 0.32 * len(symbols) + 1.5)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(wrong, cmap="Reds")
    axes.set_xticks(range(len(symbols)), symbols, parse_math=False)
    axes.set_yticks(range(len(symbols)), symbols, parse_math=False)
    axes.set_xlabel("read as")
    axes.set_ylabel("truth")
    axes.set_title(f"{int(wrong.sum())} of {evaluation.characters:,} characters wrong")
    for truth, read in np.argwhere(wrong):
        axes.text(read, truth, str(wrong[truth, read]), ha="center", va="center", fontsize=8)
    figure.savefig(target, dpi=110)


def draw_network(network: keras.Model, target: Path) -> None:
    """The layers with their shapes, by pydot and graphviz.

    If they cannot, a line in the log: the picture is not worth an hour of training.
    """
    plot_model: Any = keras.utils.plot_model
    try:
        plot_model(
            network,
            to_file=str(target),
            show_shapes=True,
            show_layer_names=True,
            dpi=80,
            # Right angles, Keras' own choice, abort graphviz 2.43 on some networks of ours.
            splines="polyline",
        )
    # ImportError: not installed. AssertionError is pydot's for a graphviz that failed.
    except (ImportError, AssertionError, OSError) as error:
        reason = str(error).strip().partition("\n")[0].partition(". ")[0]
        log.warning("no drawing of the network: %s", reason)
