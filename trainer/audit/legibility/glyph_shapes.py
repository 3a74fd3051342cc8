"""Shapes in images of text: ink, contrast, characters at a common size, connected parts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

Grey = npt.NDArray[np.uint8]
"""Pixels of one image, (height, width)."""

SHAPE_SIDE = 8
"""Letters are identified from about three cycles per letter (Solomon and Pelli, "The visual filter
mediating letter identification", 1994), for which eight samples are enough."""
_MIN_PART_PX = 6
"""Smaller parts are remains of blurred edges."""


def find_ink(image: Grey) -> npt.NDArray[np.bool_]:
    """Return where an image differs from its background by more than half of its contrast.

    The background is the median. An image of one grey level has no ink.
    """
    difference = _from_background(image)
    largest = float(np.percentile(difference, 99.5))
    return difference > max(largest / 2, 1)


def measure_contrast(image: Grey, ink: npt.NDArray[np.bool_]) -> float:
    """Return the contrast ratio of the ink to the background, 1 to 21, as WCAG 2 defines it.

    The relative luminance is computed from the grey level, because the colours are not known.
    """
    if not ink.any():
        return 1.0
    levels = (float(np.median(image[ink])), float(np.median(image)))
    dark, light = sorted(_luminance(level / 255) for level in levels)
    return (light + 0.05) / (dark + 0.05)


def normalise_shape(image: Grey) -> npt.NDArray[np.float64] | None:
    """Return the character in an image at a common size, (SHAPE_SIDE, SHAPE_SIDE).

    The mean is 0 and the norm is 1, so the product with another one is their correlation. None if
    the image shows nothing.
    """
    box = find_box(find_ink(image))
    if box is None:
        return None
    ink = _from_background(image)[box]
    side = max(ink.shape)
    square = np.zeros((side, side))
    top, left = (side - ink.shape[0]) // 2, (side - ink.shape[1]) // 2
    square[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    small = Image.fromarray(square.astype(np.float32)).resize(
        (SHAPE_SIDE, SHAPE_SIDE), Image.Resampling.BOX
    )
    shape = np.asarray(small, np.float64)
    shape = shape - shape.mean()
    norm = float(np.linalg.norm(shape))
    return shape / norm if norm > 0 else None


def find_box(ink: npt.NDArray[np.bool_]) -> tuple[slice, slice] | None:
    """Return the rows and columns with ink; None if there is none."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if not len(rows):
        return None
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def count_parts(ink: npt.NDArray[np.bool_]) -> int:
    """Return the number of connected parts of the ink; diagonal neighbours are connected."""
    parents: list[int] = []
    sizes: list[int] = []

    def find(part: int) -> int:
        while parents[part] != part:
            part = parents[part]
        return part

    above: list[tuple[int, int, int]] = []
    for row in _list_runs(ink):
        runs = []
        for start, stop in row:
            part = len(parents)
            parents.append(part)
            sizes.append(stop - start)
            for other_start, other_stop, other in above:
                if other_start <= stop and start <= other_stop:
                    root, other_root = find(part), find(other)
                    if root != other_root:
                        parents[other_root] = root
                        sizes[root] += sizes[other_root]
            runs.append((start, stop, part))
        above = runs
    roots = {find(part) for part in range(len(parents))}
    return sum(sizes[root] >= _MIN_PART_PX for root in roots)


def _list_runs(ink: npt.NDArray[np.bool_]) -> Iterator[list[tuple[int, int]]]:
    """Yield the first column of each run of a row, and the column after its last."""
    edges = np.diff(ink.astype(np.int8), axis=1, prepend=0, append=0)
    for row in edges:
        places = np.flatnonzero(row).tolist()
        yield list(zip(places[::2], places[1::2], strict=True))


def _from_background(image: Grey) -> npt.NDArray[np.float64]:
    levels = image.astype(np.float64)
    return np.abs(levels - np.median(levels))


def _luminance(level: float) -> float:
    """Return the relative luminance of a grey level from 0 to 1 (WCAG 2.2)."""
    return level / 12.92 if level <= 0.04045 else float(((level + 0.055) / 1.055) ** 2.4)
