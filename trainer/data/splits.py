"""The train, validation and test splits of a training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from shared.captchas.dataset_archive import Dataset
from shared.captchas.images import fit_size
from shared.captchas.labels import encode
from shared.captchas.spec import CaptchaSpec
from trainer.data.image_folder import ImageFolder
from trainer.data.non_captchas import draw_non_captchas

IMAGE_FOLDER = "image folder"
"""Subset of the user's own images."""
NON_CAPTCHAS = "non-captchas"
"""Subset of images without a captcha. Their labels are NO_LABEL at every position."""
NO_LABEL = -1
# They are repeated in an epoch, and all of them are in memory.
_MAX_NON_CAPTCHAS = 5_000
_MAX_NON_CAPTCHA_BYTES = 200_000_000
# A larger batch needs more memory (4.4 GB at 500 with the course's network) and is not faster.
EVALUATION_BATCH_SIZE = 100


class Images(Protocol):
    """An indexable collection of images: an array, or several memory-mapped ones."""

    def __len__(self) -> int:
        """Return the number of images."""
        ...

    def __getitem__(self, rows: npt.NDArray[np.int64] | slice, /) -> npt.NDArray[np.uint8]:
        """Return the images of these rows, uint8 (N, height, width)."""
        ...


class ChosenImages:
    """Some rows of a collection of images, without copying them into memory."""

    def __init__(self, images: Images, rows: npt.NDArray[np.int64]) -> None:
        self._images, self._rows = images, rows

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._rows)

    def __getitem__(self, rows: npt.NDArray[np.int64] | slice) -> npt.NDArray[np.uint8]:
        """Return the images of these rows, uint8 (N, height, width)."""
        return self._images[self._rows[rows]]


class ConcatenatedImages:
    """Several collections of images as one, without copying them into memory.

    Images of another size than that of the spec are scaled when they are read.
    """

    def __init__(self, parts: Sequence[Images], spec: CaptchaSpec) -> None:
        self._parts = parts
        self._spec = spec
        self._starts = np.cumsum([0, *map(len, parts)])

    def __len__(self) -> int:
        """Return the number of images."""
        return int(self._starts[-1])

    def __getitem__(self, rows: npt.NDArray[np.int64] | slice) -> npt.NDArray[np.uint8]:
        """Return copies of the images of these rows, uint8 (N, height, width)."""
        if isinstance(rows, slice):
            rows = np.arange(len(self))[rows]
        images = np.empty((len(rows), self._spec.height, self._spec.width), np.uint8)
        part_numbers = np.searchsorted(self._starts, rows, side="right") - 1
        offsets = rows - self._starts[part_numbers]
        for i, (part, offset) in enumerate(
            zip(part_numbers.tolist(), offsets.tolist(), strict=True)
        ):
            (image,) = self._parts[part][offset : offset + 1]
            images[i] = fit_size(image, self._spec)
        return images


@dataclass(frozen=True)
class Split:
    """Labelled captchas.

    Attributes:
        spec: the captchas.
        images: grey, uint8, N x (height, width).
        labels: class indices, int32 (N, length).
        subsets: names and sizes of the subsets, in the order of the rows: ("classic", 5000), ...
    """

    spec: CaptchaSpec
    images: Images
    labels: npt.NDArray[np.int32]
    subsets: tuple[tuple[str, int], ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def rows_of(self, subset: str) -> range:
        """Return the rows of a subset."""
        start = 0
        for name, count in self.subsets:
            if name == subset:
                return range(start, start + count)
            start += count
        return range(0)

    def select(self, rows: npt.NDArray[np.int64], subset: str) -> Split:
        """Return a copy of some rows as a split with one subset."""
        return Split(self.spec, self.images[rows], self.labels[rows], ((subset, len(rows)),))


@dataclass(frozen=True)
class Splits:
    """The three splits. No captcha is in two of them."""

    train: Split
    validation: Split
    test: Split


def build_split(
    parts: Iterable[tuple[str, Dataset]],
    spec: CaptchaSpec,
    report: Callable[[int], None],
    folder: ImageFolder | None = None,
    rows: npt.NDArray[np.intp] | None = None,
    non_captcha_seed: int | None = None,
) -> Split:
    """Build a split from datasets and from rows of an image folder.

    Args:
        parts: datasets with the name of their subset.
        spec: the captchas; datasets can have fewer characters and other image sizes.
        report: called with the number of captchas that have arrived.
        folder: the image folder, if there is one.
        rows: its rows for this split.
        non_captcha_seed: adds images without a captcha; None for none.
    """
    images: list[Images] = []
    labels: list[npt.NDArray[np.int32]] = []
    subsets: dict[str, int] = {}
    arrived = 0
    for subset, part in parts:
        images.append(part.images)
        labels.append(encode(part.texts, spec))
        subsets[subset] = subsets.get(subset, 0) + len(part.texts)
        arrived += len(part.texts)
        report(arrived)
    if folder is not None and rows is not None and len(rows):
        images.append(ChosenImages(folder.images, rows))
        labels.append(encode([folder.texts[row] for row in rows], spec))
        subsets[IMAGE_FOLDER] = len(rows)
    if non_captcha_seed is not None:
        rng = np.random.default_rng(non_captcha_seed)
        captchas = ConcatenatedImages(images, spec)
        fitting = _MAX_NON_CAPTCHA_BYTES // (spec.height * spec.width)
        count = min(_MAX_NON_CAPTCHAS, fitting, len(captchas))
        chosen = np.sort(rng.choice(len(captchas), count, replace=False))
        images.append(draw_non_captchas(count, captchas[chosen], rng))
        labels.append(np.full((count, spec.length), NO_LABEL, np.int32))
        subsets[NON_CAPTCHAS] = count
    return Split(
        spec, ConcatenatedImages(images, spec), np.concatenate(labels), tuple(subsets.items())
    )
