"""Captchas in memory: the three splits of a training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.dataset_archive import Dataset
from shared.labels import encode
from shared.spec import CaptchaSpec
from trainer.folder import Folder

OWN = "own"
LOOK_ALIKES = "look-alikes"
# A small folder beside many drawn captchas would hardly be noticed: its captchas are repeated
# until they are a quarter of all, but not so often that they are learnt by heart.
_OWN_SHARE = 0.25
_MOST_REPEATS = 20
# A pass over a folder alone is not over after a few steps.
_LEAST_ALONE = 20_000


@dataclass(frozen=True)
class Split:
    """Captchas with their labels."""

    images: npt.NDArray[np.uint8]
    """(N, height, width), grey."""
    labels: npt.NDArray[np.int32]
    """(N, length), class indices."""
    origins: tuple[tuple[str, int], ...] = ()
    """Where they come from, one after the other, with how many: ("classic", 5000), ..."""

    def __len__(self) -> int:
        return len(self.images)

    def rows_of(self, origin: str) -> range:
        """Where the captchas of an origin lie."""
        start = 0
        for name, count in self.origins:
            if name == origin:
                return range(start, start + count)
            start += count
        return range(0)


@dataclass(frozen=True)
class Splits:
    """What a training needs."""

    train: Split
    validation: Split
    test: Split


def collect(
    parts: Iterable[tuple[str, Dataset]],
    spec: CaptchaSpec,
    count: int,
    report: Callable[[int], None],
    own: Folder | None = None,
    rows: Sequence[int] | npt.NDArray[np.intp] = (),
) -> Split:
    """One split: the parts of datasets, each with its origin, and `rows` of one's own folder.

    count: captchas in the parts; `report` is told how many have arrived.
    """
    images = np.empty((count + len(rows), spec.height, spec.width), np.uint8)
    labels = np.empty((count + len(rows), spec.length), np.int32)
    origins: dict[str, int] = {}
    filled = 0
    for origin, part in parts:
        end = filled + len(part.texts)
        images[filled:end] = part.images
        labels[filled:end] = encode(part.texts, spec)
        origins[origin] = origins.get(origin, 0) + len(part.texts)
        filled = end
        report(filled)
    if filled != count:
        raise ValueError(f"expected {count} captchas, got {filled}")
    if own is not None and len(rows):
        images[count:] = own.images[rows]
        labels[count:] = encode([own.texts[row] for row in rows], spec)
        origins[OWN] = len(rows)
    return Split(images, labels, tuple(origins.items()))


def count_repeats(own: int, drawn: int) -> int:
    """How often each of `own` captchas is fed in a pass beside `drawn` ones."""
    if not own:
        return 1
    wanted = (drawn * _OWN_SHARE / (1 - _OWN_SHARE) if drawn else _LEAST_ALONE) / own
    return min(_MOST_REPEATS, max(1, round(wanted)))
