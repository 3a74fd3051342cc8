"""Whether images can show text at all: blank images and pure noise cannot."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

MIN_GREY_RANGE = 12.0
"""Between the 1st and the 99th percentile; a WCAG contrast of about 1.1 on white."""
MIN_CORRELATION = 0.3
"""Of neighbouring pixels. Strokes are several pixels wide; in noise neighbours are independent."""


def show_structure(images: Sequence[str]) -> bool:
    """Return whether most of the images differ from each other, have contrast and are not noise.

    Args:
        images: PNG in base64; True without images, because nothing is known about them.
    """
    if not images:
        return True
    pixels = [_decode(image) for image in images]
    if len(pixels) > 1 and len({image.tobytes() for image in pixels}) == 1:
        return False  # one picture for all labels
    return sum(map(_has_structure, pixels)) > len(pixels) / 2


def _has_structure(image: npt.NDArray[np.float64]) -> bool:
    low, high = np.percentile(image, [1, 99])
    if high - low < MIN_GREY_RANGE:
        return False
    # Pixels of one stroke are alike in both directions.
    rows = np.corrcoef(image[:, :-1].ravel(), image[:, 1:].ravel())[0, 1]
    columns = np.corrcoef(image[:-1].ravel(), image[1:].ravel())[0, 1]
    return bool(min(rows, columns) >= MIN_CORRELATION)


def _decode(image: str) -> npt.NDArray[np.float64]:
    with Image.open(io.BytesIO(base64.b64decode(image))) as picture:
        return np.asarray(picture.convert("L"), np.float64)
