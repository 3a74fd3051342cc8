"""Learning curve: the accuracy with a part of the labels, and what more labels would bring."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import keras
import numpy as np

from trainer.config import TrainingConfig
from trainer.data.splits import IMAGE_FOLDER, Splits
from trainer.evaluation.accuracy import Predict, evaluate
from trainer.networks.initialisation import build_initialised
from trainer.training.fit import fit

_FRACTIONS = (0.25, 0.5)


@dataclass(frozen=True)
class CurvePoint:
    """The accuracy of a training with a number of labels."""

    labels: int
    accuracy: float


def measure_learning_curve(
    config: TrainingConfig, splits: Splits, accuracy: float, stream: TextIO
) -> list[CurvePoint]:
    """Train with a quarter and with half of the labels of an image folder, for as many epochs.

    The rest of the training images measures their accuracy, because the test split of a small
    folder is too small.

    Args:
        config: hyperparameters of the training with all labels.
        splits: its captchas; those of the training split are all from the image folder.
        accuracy: exact-match accuracy of the training with all labels.
        stream: where the progress is shown.
    """
    rows = np.array(splits.train.rows_of(IMAGE_FOLDER), np.int64)
    # All images differ, because an image folder is read without copies.
    places = np.random.default_rng(config.seed).permutation(len(rows)) / len(rows)
    points = []
    for fraction in _FRACTIONS:
        part = splits.train.select(rows[places < fraction], IMAGE_FOLDER)
        rest = splits.train.select(rows[places >= fraction], IMAGE_FOLDER)
        recogniser = build_initialised(config, splits.train.spec)
        with tempfile.TemporaryDirectory(prefix="learning-curve-") as directory:
            partial = Splits(train=part, validation=splits.validation, test=splits.test)
            model = fit(recogniser, config, partial, Path(directory), stream).model
        measured = evaluate(_predict_with(model), rest).accuracy.accuracy
        points.append(CurvePoint(len(part), measured))
    return [*points, CurvePoint(len(rows), accuracy)]


def describe_learning_curve(points: list[CurvePoint]) -> str:
    """Return the curve as a sentence for the log."""
    measured = ", ".join(f"{point.accuracy:.1%} with {point.labels:,} labels" for point in points)
    doubled = 2 * points[-1].labels
    return f"{measured}; about {extrapolate(points, doubled):.1%} expected with {doubled:,}"


def _predict_with(model: keras.Model) -> Predict:
    return lambda images: model(images, training=False).numpy()


def extrapolate(points: list[CurvePoint], labels: int) -> float:
    """Return the accuracy that a power law predicts for a number of labels.

    The error rate of a training falls roughly as a power of the number of labels: Hestness et al.,
    "Deep Learning Scaling is Predictable, Empirically" (2017).
    """
    counts = np.log([point.labels for point in points])
    smallest = 0.5 / max(point.labels for point in points)  # keeps the logarithm finite
    errors = np.log([max(1 - point.accuracy, smallest) for point in points])
    # More labels never do harm.
    slope = min(np.polyfit(counts, errors, 1)[0], 0)
    intercept = (errors - slope * counts).mean()
    return float(1 - np.exp(intercept + slope * np.log(labels)))
