"""Scales of the charts: labelled images, and accuracy stretched at both ends."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

LOWEST, HIGHEST = 0.001, 0.999
"""Accuracies beyond these are drawn at the edges of the chart."""
TICKS = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)
_NO_LABELS = 0.55
"""Distance of the attacker without labels from the first number, in decades."""


@dataclass(frozen=True)
class LabelScale:
    """Logarithm of the number of labelled images, with a separate place for none.

    Attributes:
        left: pixel of no labels, or of the fewest labels if the chart has none.
        right: pixel of the most labels.
        fewest: the fewest labels above 0.
        most: the most labels.
        has_none: whether the chart has an attacker without labels.
    """

    left: float
    right: float
    fewest: int
    most: int
    has_none: bool

    @classmethod
    def fit(cls, labels: Iterable[int], left: float, right: float) -> LabelScale:
        """Return the scale that shows these numbers."""
        numbers = set(labels)
        trained = sorted(numbers - {0}) or [1]
        return cls(left, right, trained[0], trained[-1], 0 in numbers)

    def place(self, labels: int) -> float:
        """Return the pixel of a number of labels."""
        start = _NO_LABELS if self.has_none else 0.0
        span = start + math.log10(self.most / self.fewest)
        if labels == 0 or span == 0:
            return self.left
        decades = start + math.log10(labels / self.fewest)
        return self.left + (self.right - self.left) * decades / span


@dataclass(frozen=True)
class AccuracyScale:
    """Log-odds of the accuracy, so that 1 % and 99 % are as distinct as 40 % and 60 %."""

    top: float
    bottom: float

    def place(self, accuracy: float) -> float:
        """Return the pixel of an accuracy."""
        limits = [_log_odds(LOWEST), _log_odds(HIGHEST)]
        position = (_log_odds(accuracy) - limits[0]) / (limits[1] - limits[0])
        return self.bottom - (self.bottom - self.top) * position


def _log_odds(accuracy: float) -> float:
    clipped = min(max(accuracy, LOWEST), HIGHEST)
    return math.log(clipped / (1 - clipped))
