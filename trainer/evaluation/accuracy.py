"""Accuracy of a recogniser: exact match with a confidence interval, and confusions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.captchas.images import fit_size
from shared.captchas.labels import best_indices, decode
from shared.captchas.restriction import Predictions, Restriction, predict_texts
from shared.captchas.spec import CaptchaSpec
from shared.versions.manifest import Accuracy, Confusion
from trainer.data.splits import EVALUATION_BATCH_SIZE, Images, Split

Predict = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]
"""uint8 (N, height, width) -> probabilities float32 (N, length, classes)."""

END_SYMBOL = "∅"
"""Shown for the end of a text."""
_MOST_CONFUSED = 5


@dataclass(frozen=True)
class Evaluation:
    """Predictions for a split, compared with its labels.

    Attributes:
        spec: the captchas.
        is_correct: whether every character is correct, bool (N,).
        predictions: class indices (N, length).
        confidences: of the predicted texts, as the inference service returns them, (N,).
        confusions: (classes, classes), how often the row's class was predicted as the column's.
        by_subset: accuracy of each subset.
    """

    spec: CaptchaSpec
    is_correct: npt.NDArray[np.bool_]
    predictions: npt.NDArray[np.intp]
    confidences: npt.NDArray[np.floating]
    confusions: npt.NDArray[np.int64]
    by_subset: dict[str, Accuracy]

    @property
    def accuracy(self) -> Accuracy:
        """Exact-match accuracy of the whole split."""
        return measure_accuracy(self.is_correct)

    @property
    def characters(self) -> int:
        """Positions with a character in the label or in the prediction."""
        return int(self.confusions.sum() - self._padding)

    @property
    def character_accuracy(self) -> float:
        """Fraction of correct characters, without the positions after the end of a text."""
        return float((self.confusions.trace() - self._padding) / self.characters)

    @property
    def most_confused(self) -> list[Confusion]:
        """The most frequent confusions, most frequent first."""
        wrong = self.confusions.copy()
        np.fill_diagonal(wrong, 0)
        symbols = list_symbols(self.spec)
        order = np.argsort(wrong, axis=None, kind="stable")[::-1][:_MOST_CONFUSED]
        pairs = zip(*np.unravel_index(order, wrong.shape), strict=True)
        return [
            Confusion(truth=symbols[t], predicted=symbols[p], count=int(wrong[t, p]))
            for t, p in pairs
            if wrong[t, p]
        ]

    @property
    def _padding(self) -> int:
        return int(self.confusions[-1, -1]) if self.spec.is_variable else 0


def list_symbols(spec: CaptchaSpec) -> list[str]:
    """Return the symbol of each class, for figures and reports."""
    return [*spec.charset, END_SYMBOL] if spec.is_variable else [*spec.charset]


def evaluate(predict: Predict, split: Split) -> Evaluation:
    """Predict every captcha of a split and compare with its labels."""
    starts = range(0, len(split), EVALUATION_BATCH_SIZE)
    probabilities = [
        predict(split.images[start : start + EVALUATION_BATCH_SIZE]) for start in starts
    ]
    return compare(np.concatenate(probabilities), split)


def compare(probabilities: npt.NDArray[np.float32], split: Split) -> Evaluation:
    """Compare probabilities (N, length, classes) with the labels of a split."""
    spec = split.spec
    predictions = best_indices(probabilities, spec)
    confusions = np.zeros((spec.classes, spec.classes), np.int64)
    np.add.at(confusions, (split.labels.ravel(), predictions.ravel()), 1)
    is_correct = (predictions == split.labels).all(axis=1)
    by_subset = {
        name: measure_accuracy(is_correct[np.array(split.rows_of(name))])
        for name, _ in split.subsets
    }
    confidences = predict_texts(probabilities, spec, Restriction.from_spec(spec)).confidences
    return Evaluation(spec, is_correct, predictions, confidences, confusions, by_subset)


def find_correct(predict: Predict, model_spec: CaptchaSpec, split: Split) -> npt.NDArray[np.bool_]:
    """Return which captchas of a split a version predicts correctly, bool (N,)."""
    texts = predict_restricted(predict, model_spec, split.spec, split.images).texts
    labels = decode(split.labels, split.spec)
    return np.array([text == label for text, label in zip(texts, labels, strict=True)])


def predict_restricted(
    predict: Predict, model_spec: CaptchaSpec, spec: CaptchaSpec, images: Images
) -> Predictions:
    """Return what a version predicts for images, as the inference service does.

    Args:
        predict: of the version.
        model_spec: what it was trained for. The images are scaled to this size.
        spec: what the images can show. The predictions are restricted to it.
        images: at least one.
    """
    parts = []
    for start in range(0, len(images), EVALUATION_BATCH_SIZE):
        part = images[start : start + EVALUATION_BATCH_SIZE]
        sized = np.stack([fit_size(image, model_spec) for image in part])
        parts.append(predict_texts(predict(sized), model_spec, Restriction.from_spec(spec)))
    return Predictions.concatenate(parts)


def measure_accuracy(is_correct: npt.NDArray[np.bool_]) -> Accuracy:
    """Return the fraction of correct captchas with its 95 % interval."""
    correct, n = int(is_correct.sum()), len(is_correct)
    return Accuracy(accuracy=correct / n, accuracy_interval_95=wilson_interval(correct, n), n=n)


def wilson_interval(successes: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the 95 % confidence interval of a proportion (Wilson, 1927).

    Unlike the normal approximation it is valid near 0 and 1.
    """
    proportion = successes / n
    spread = z * math.sqrt(proportion * (1 - proportion) / n + z * z / (4 * n * n))
    centre = proportion + z * z / (2 * n)
    scale = 1 + z * z / n
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)
