"""How good a recogniser is: whole captchas, with an interval, and what it confuses."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.labels import best_indices
from shared.spec import CaptchaSpec
from trainer.dataset import Split

Recogniser = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]
"""uint8 (N, height, width) -> probabilities float32 (N, length, classes)."""

NOTHING = "∅"
"""Stands for the end of a text where one of its characters is expected."""

# With 500 the layers of the course's network make 4.4 GB of them, and it is no faster.
BATCH = 100
"""Captchas read at a time."""


@dataclass(frozen=True)
class Evaluation:
    """What a recogniser made of a test set."""

    correct: int
    """Captchas with every character right."""
    predictions: npt.NDArray[np.intp]
    """(N, length), class indices."""
    confusions: npt.NDArray[np.int64]
    """(classes, classes): how often row was read as column."""
    by_origin: dict[str, tuple[int, int]]
    """(correct, n) for each origin of the split."""
    end: int | None = None
    """The class that stands for the end of a text, if lengths differ."""

    @property
    def n(self) -> int:
        """Captchas tried."""
        return len(self.predictions)

    @property
    def accuracy(self) -> float:
        """Share of captchas with every character right."""
        return self.correct / self.n

    @property
    def character_accuracy(self) -> float:
        """Share of characters right. Nothing read where nothing is counts neither way."""
        return float((self.confusions.trace() - self._empty) / self.characters)

    @property
    def characters(self) -> int:
        """Places at which there was a character, or one was read."""
        return int(self.confusions.sum() - self._empty)

    @property
    def _empty(self) -> int:
        return int(self.confusions[self.end, self.end]) if self.end is not None else 0

    def summarise(self, spec: CaptchaSpec) -> dict[str, Any]:
        """The figures as the manifest keeps them."""
        low, high = wilson_interval(self.correct, self.n)
        return {
            "accuracy": self.accuracy,
            "accuracy_interval_95": [low, high],
            "n": self.n,
            "by_origin": {
                origin: {
                    "accuracy": correct / n,
                    "accuracy_interval_95": list(wilson_interval(correct, n)),
                    "n": n,
                }
                for origin, (correct, n) in self.by_origin.items()
            },
            "character_accuracy": self.character_accuracy,
            "most_confused": [
                {"truth": truth, "read_as": read, "count": count}
                for truth, read, count in self.most_confused(spec, 5)
            ],
        }

    def most_confused(self, spec: CaptchaSpec, limit: int) -> list[tuple[str, str, int]]:
        """(truth, read as, count), the most frequent first."""
        wrong = self.confusions.copy()
        np.fill_diagonal(wrong, 0)
        order = np.argsort(wrong, axis=None, kind="stable")[::-1][:limit]
        pairs = [divmod(int(flat), spec.classes) for flat in order]
        symbols = list_symbols(spec)
        return [(symbols[t], symbols[r], int(wrong[t, r])) for t, r in pairs if wrong[t, r]]


def list_symbols(spec: CaptchaSpec) -> list[str]:
    """What stands for each class, for people."""
    return [*spec.charset, NOTHING] if spec.is_variable else [*spec.charset]


def evaluate(recognise: Recogniser, split: Split, spec: CaptchaSpec) -> Evaluation:
    """Reads every captcha of a split."""
    answers = [recognise(split.images[i : i + BATCH]) for i in range(0, len(split), BATCH)]
    return score(np.concatenate(answers), split, spec)


def score(probabilities: npt.NDArray[np.float32], split: Split, spec: CaptchaSpec) -> Evaluation:
    """What the probabilities (N, length, classes) for a split read, and how much of it is right."""
    predictions = best_indices(probabilities, spec)
    confusions = np.zeros((spec.classes,) * 2, np.int64)
    np.add.at(confusions, (split.labels.ravel(), predictions.ravel()), 1)
    right = (predictions == split.labels).all(axis=1)
    by_origin = {
        origin: (int(right[split.rows_of(origin)].sum()), count) for origin, count in split.origins
    }
    end = len(spec.charset) if spec.is_variable else None
    return Evaluation(int(right.sum()), predictions, confusions, by_origin, end)


def wilson_interval(successes: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, 1927): right also near 0 and 1, where the simple one
    is not."""
    share = successes / n
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    centre = share + z * z / (2 * n)
    scale = 1 + z * z / n
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)
