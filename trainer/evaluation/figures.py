"""The figures of a report."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from shared.captchas.labels import decode
from shared.versions.manifest import Calibration
from trainer.data.splits import Split
from trainer.evaluation.accuracy import Evaluation, list_symbols
from trainer.training.training_log import Point, TrainingHistory

log = logging.getLogger(__name__)

_TRAINING, _VALIDATION = "#4477aa", "#ee6677"  # distinguishable with colour vision deficiency
_RATE_CHANGE = "#ccaa33"
_DPI = 110
_MAX_POINTS = 500
_MAX_LABELLED_CHANGES = 8
_GALLERY_ROWS, _GALLERY_COLUMNS = 6, 4


def plot_curves(history: TrainingHistory, target: Path) -> None:
    """Plot loss, exact-match accuracy and learning rate over the epochs."""
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    loss, accuracy, rate = figure.subplots(1, 3)
    points = _thin_out(history.points)
    done, losses, rates = zip(*points, strict=True)
    loss.plot(done, losses, color=_TRAINING, linewidth=0.8, alpha=0.6, label="training")
    _plot_epochs(loss, history, "val_loss", "s-", _VALIDATION, "validation")
    loss.set_title("Loss")
    loss.set_yscale("log")
    _plot_epochs(accuracy, history, "exact_match", "o-", _TRAINING, "training (augmented)")
    _plot_epochs(accuracy, history, "val_exact_match", "s-", _VALIDATION, "validation")
    accuracy.set_title("Exact-match accuracy")
    accuracy.set_ylim(0, 1.02)
    rate.plot(done, rates, color="#444444", drawstyle="steps-post")
    rate.set_title("Learning rate")
    for number, change in enumerate(history.rate_changes, start=1):
        rate.axvline(
            change.step / history.steps_per_epoch,
            color=_RATE_CHANGE,
            linestyle=":",
            label=f"{number}. {change.reason}" if number <= _MAX_LABELLED_CHANGES else None,
        )
    if history.rate_changes:
        rate.legend(fontsize=6)
        rate.set_yscale("log")
    loss.legend()
    accuracy.legend()
    for axes in (loss, accuracy, rate):
        axes.set_xlabel("epochs")
        axes.set_xlim(0, history.epochs[-1]["epoch"] * 1.02)
        axes.grid(alpha=0.3)
        axes.xaxis.get_major_locator().set_params(integer=True)
    figure.savefig(target, dpi=_DPI)


def _plot_epochs(
    axes: Axes, history: TrainingHistory, column: str, style: str, colour: str, label: str
) -> None:
    epochs = [row["epoch"] for row in history.epochs]
    axes.plot(epochs, [row[column] for row in history.epochs], style, color=colour, label=label)


def _thin_out(points: Sequence[Point]) -> Sequence[Point]:
    """Return about as many points as can be distinguished, including the last one."""
    step = max(1, len(points) // _MAX_POINTS)
    return [*points[:-1:step], points[-1]]


def choose_gallery(is_correct: npt.NDArray[np.bool_], count: int) -> npt.NDArray[np.intp]:
    """Return up to `count` rows, spread over the split: up to half of them misclassified, first."""

    def spread(rows: npt.NDArray[np.intp], limit: int) -> list[int]:
        chosen = np.linspace(0, len(rows) - 1, min(len(rows), limit)).astype(int)
        return [int(rows[i]) for i in chosen]

    wrong = spread(np.flatnonzero(~is_correct), count // 2)
    return np.array(wrong + spread(np.flatnonzero(is_correct), count - len(wrong)), np.intp)


def plot_gallery(split: Split, evaluation: Evaluation, target: Path) -> None:
    """Plot captchas with label and prediction, the misclassified ones first."""
    chosen = choose_gallery(evaluation.is_correct, _GALLERY_ROWS * _GALLERY_COLUMNS)
    images = split.images[chosen]
    labels = decode(split.labels[chosen], split.spec)
    predictions = decode(evaluation.predictions[chosen], split.spec)
    figure = Figure(figsize=(2.4 * _GALLERY_COLUMNS, 1.35 * _GALLERY_ROWS), layout="constrained")
    figure.suptitle(
        f"{int(evaluation.is_correct.sum()):,} of {len(split):,} test captchas correct;"
        " misclassified ones first, label on the left"
    )
    grid = figure.subplots(_GALLERY_ROWS, _GALLERY_COLUMNS)
    for axes in grid.flat:
        axes.axis("off")
    for axes, image, label, predicted in zip(grid.flat, images, labels, predictions, strict=False):
        axes.imshow(image, cmap="gray", vmin=0, vmax=255)
        axes.set_title(
            f"{label} {'=' if label == predicted else '≠'} {predicted}",
            family="monospace",
            fontsize=10,
            parse_math=False,  # a label can contain "$"
            color="#222222" if label == predicted else "#cc3311",
        )
    figure.savefig(target, dpi=_DPI)


def plot_confusions(evaluation: Evaluation, target: Path) -> None:
    """Plot the confusion matrix without its diagonal."""
    wrong = evaluation.confusions.copy()
    np.fill_diagonal(wrong, 0)
    symbols = list_symbols(evaluation.spec)
    side = max(4.0, 0.32 * len(symbols) + 1.5)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(wrong, cmap="Reds")
    axes.set_xticks(range(len(symbols)), symbols, parse_math=False)
    axes.set_yticks(range(len(symbols)), symbols, parse_math=False)
    axes.set_xlabel("prediction")
    axes.set_ylabel("label")
    axes.set_title(f"{int(wrong.sum())} of {evaluation.characters:,} characters misclassified")
    for label, predicted in np.argwhere(wrong):
        count = str(wrong[label, predicted])
        axes.text(predicted, label, count, ha="center", va="center", fontsize=8)
    figure.savefig(target, dpi=_DPI)


def plot_reliability(calibration: Calibration, target: Path) -> None:
    """Plot the accuracy over the confidence of whole captchas, with the captchas per bin."""
    figure = Figure(figsize=(4.6, 4.6), layout="constrained")
    axes = figure.subplots()
    axes.plot((0, 1), (0, 1), color="#bbbbbb", linestyle="--", label="perfect calibration")
    confidences = [one.confidence for one in calibration.bins]
    axes.plot(confidences, [b.accuracy for b in calibration.bins], "o-", color=_TRAINING)
    for one in calibration.bins:
        axes.annotate(f"{one.n:,}", (one.confidence, one.accuracy), fontsize=7)
    axes.set_xlabel("confidence")
    axes.set_ylabel("exact-match accuracy")
    axes.set_title(f"expected calibration error {calibration.expected_calibration_error:.4f}")
    axes.legend(loc="upper left")
    axes.grid(alpha=0.3)
    figure.savefig(target, dpi=_DPI)


def plot_network(network: keras.Model, target: Path) -> None:
    """Draw the layers with their shapes; without pydot or graphviz, log a warning."""
    try:
        keras.utils.plot_model(
            network,
            to_file=str(target),
            show_shapes=True,
            show_layer_names=True,
            dpi=80,
            # The default of Keras, orthogonal lines, crashes graphviz 2.43 on some of the networks.
            splines="polyline",
        )
    # ImportError: not installed. AssertionError: pydot's error when graphviz fails.
    except (ImportError, AssertionError, OSError) as error:
        reason = str(error).strip().partition("\n")[0].partition(". ")[0]
        log.warning("the network is not drawn: %s", reason)
