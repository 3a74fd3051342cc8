"""Captchas in memory: the three splits of a training."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.datasets import Dataset
from shared.labels import encode
from shared.spec import CaptchaSpec


@dataclass(frozen=True)
class Split:
    """Captchas with their labels."""

    images: npt.NDArray[np.uint8]
    """(N, height, width), grey."""
    labels: npt.NDArray[np.int32]
    """(N, length), class indices."""

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Splits:
    """What a training needs."""

    train: Split
    validation: Split
    test: Split


def collect(
    parts: Iterable[Dataset], spec: CaptchaSpec, count: int, report: Callable[[int], None]
) -> Split:
    """One split from the parts of a dataset; `report` is told how many have arrived."""
    images = np.empty((count, spec.height, spec.width), np.uint8)
    labels = np.empty((count, spec.length), np.int32)
    filled = 0
    for part in parts:
        end = filled + len(part.texts)
        images[filled:end] = part.images
        labels[filled:end] = encode(part.texts, spec)
        filled = end
        report(filled)
    if filled != count:
        raise ValueError(f"expected {count} captchas, got {filled}")
    return Split(images, labels)
