"""Exact-match accuracy and speed of a recogniser on pictures of a design."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from shared.captchas.restriction import Restriction
from shared.versions.manifest import Accuracy
from tests.benchmarks.designs.pictures import Pictures
from trainer.evaluation.accuracy import measure_accuracy

Predict = Callable[[Sequence[bytes], Restriction], list[str | None]]
"""PNG files and what they can show -> texts; None for a rejected picture."""


@dataclass(frozen=True)
class Measurement:
    """How well a recogniser predicts the pictures of a design."""

    accuracy: Accuracy
    pictures_per_s: float
    """From PNG file to text."""


def measure(predict: Predict, pictures: Pictures, restriction: Restriction) -> Measurement:
    """Predict all pictures once, after a warm-up with a few of them."""
    predict(pictures.files[:5], restriction)
    started = time.perf_counter()
    texts = predict(pictures.files, restriction)
    seconds = time.perf_counter() - started
    return Measurement(count_correct(texts, pictures.texts), len(texts) / seconds)


def count_correct(texts: Sequence[str | None], labels: Sequence[str]) -> Accuracy:
    """Return the fraction of texts that equal their label; another length is wrong."""
    return measure_accuracy(np.array([a == b for a, b in zip(texts, labels, strict=True)]))
