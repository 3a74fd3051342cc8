"""Where the attacker's accuracy reaches a rate: images needed, and the limit of `--fail-above`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np

from trainer.audit.results import CurvePoint, ImagesNeeded, Init

RATES = (0.01, 0.1, 0.5, 0.9)
INITS: tuple[Init, ...] = ("bundled", "scratch")


@dataclass(frozen=True)
class Limit:
    """The accuracy that an attacker with a number of labelled images must not exceed."""

    rate: float
    images: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the limit of a text such as `0.01@1000`.

        Raises:
            ValueError: if it has another form.
        """
        found = re.fullmatch(r"([0-9.]+)@([0-9]+)", text)
        try:
            rate = float(found[1]) if found else math.nan
        except ValueError:
            rate = math.nan
        if found is None or not 0 <= rate < 1:
            raise ValueError("Input should be RATE@IMAGES with a rate from 0 to 1: 0.01@1000")
        return cls(rate, int(found[2]))

    def __str__(self) -> str:
        """Return the limit as it is given: `0.01@1000`."""
        return f"{self.rate:g}@{self.images}"

    def is_exceeded(self, curve: Sequence[CurvePoint]) -> bool:
        """Return whether the best attacker with that many images is more accurate."""
        return find_accuracy(curve, self.images) > self.rate


def find_accuracy(curve: Sequence[CurvePoint], images: int) -> float:
    """Return the accuracy of the best attacker with a number of labelled images.

    Between two points the accuracy is interpolated over the logarithm of the number. With fewer
    images than the first trained attacker it is that of this attacker: an upper bound, because
    fewer were not measured. After the last point it is that of the last point.
    """
    return max(_accuracy_at(_rising_points(curve, init), images) for init in INITS)


def find_images_needed(curve: Sequence[CurvePoint]) -> tuple[ImagesNeeded, ...]:
    """Return how many labelled images the attacker needs for each rate, from each initialisation.

    If the first trained attacker reaches the rate, its number of images is an upper bound.
    """
    return tuple(
        ImagesNeeded(rate=rate, init=init, images=_images_for(_rising_points(curve, init), rate))
        for init in INITS
        for rate in RATES
    )


def _rising_points(curve: Sequence[CurvePoint], init: Init) -> list[tuple[int, float]]:
    """Return (labels, accuracy) in the order of the labels.

    An attacker with more images can do what it did with fewer, so the accuracy never falls.
    """
    best = 0.0
    points = []
    for point in sorted((p for p in curve if p.init == init), key=lambda p: p.labels):
        best = max(best, point.accuracy.accuracy)
        points.append((point.labels, best))
    return points


def _accuracy_at(points: list[tuple[int, float]], images: int) -> float:
    if not images:
        return max((accuracy for labels, accuracy in points if not labels), default=0.0)
    trained = [point for point in points if point[0] > 0]
    if not trained:
        return points[-1][1] if points else 0.0
    # Outside of the points, `interp` returns the accuracy of the nearest one.
    labels, accuracies = np.transpose(trained)
    return float(np.interp(np.log(images), np.log(labels), accuracies))


def _images_for(points: list[tuple[int, float]], rate: float) -> int | None:
    reached = [labels for labels, accuracy in points if accuracy >= rate]
    if not reached:
        return None
    for (low, low_accuracy), (high, high_accuracy) in _segments(points):
        if low_accuracy < rate <= high_accuracy:
            position = (rate - low_accuracy) / (high_accuracy - low_accuracy)
            return round(low * math.exp(position * math.log(high / low)))
    return reached[0]


def _segments(
    points: list[tuple[int, float]],
) -> Iterator[tuple[tuple[int, float], tuple[int, float]]]:
    """Yield neighbours with a logarithm: not the attacker without labels."""
    return pairwise(point for point in points if point[0] > 0)
