"""Letters of the designs of our own: coverage arrays at three times the size of the picture.

A coverage is float32 (height, width), 0 outside and 1 inside a letter.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Coverage = npt.NDArray[np.float32]

SCALE = 3
"""Pictures are drawn larger and reduced at the end, instead of anti-aliasing every effect."""


@lru_cache(64)
def load_font(file: str, size_px: int) -> ImageFont.FreeTypeFont:
    """Return a font; the size is in pixels of the picture."""
    return ImageFont.truetype(file, size_px * SCALE)


@lru_cache(4096)
def find_ink(letter: str, font: ImageFont.FreeTypeFont) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of a letter, relative to the start of its baseline.

    Pillow's `getbbox` includes the space that the font adds on both sides.
    """
    mask, (x, y) = font.getmask2(letter, anchor="ls")
    left, top, right, bottom = mask.getbbox()
    return left + x, top + y, right + x, bottom + y


def place(
    size: tuple[int, int],
    text: str,
    font: ImageFont.FreeTypeFont,
    gap_px: float,
    baselines_px: Sequence[float],
    angles_deg: Sequence[float],
) -> list[Coverage]:
    """Return the coverage of each letter of a text, centred in a picture.

    Args:
        size: width and height of the picture.
        text: the letters.
        font: from `load_font`.
        gap_px: space between the outlines of neighbours; negative if they overlap.
        baselines_px: vertical position of the baseline of each letter, in pixels of the picture.
        angles_deg: rotation of each letter about its centre.
    """
    width, height = size[0] * SCALE, size[1] * SCALE
    boxes = [find_ink(letter, font) for letter in text]
    total = sum(box[2] - box[0] for box in boxes) + gap_px * SCALE * (len(text) - 1)
    left = (width - total) / 2
    layers = []
    for letter, box, baseline, angle in zip(text, boxes, baselines_px, angles_deg, strict=True):
        layer = Image.new("L", (width, height))
        origin = (left - box[0], baseline * SCALE)
        ImageDraw.Draw(layer).text(origin, letter, font=font, fill=255, anchor="ls")
        middle = (left + (box[2] - box[0]) / 2, baseline * SCALE + (box[1] + box[3]) / 2)
        layer = layer.rotate(angle, Image.Resampling.BICUBIC, center=middle)
        layers.append(np.asarray(layer, np.float32) / 255)
        left += box[2] - box[0] + gap_px * SCALE
    return layers


def unite(layers: Sequence[Coverage]) -> Coverage:
    """Return what is inside any of the letters."""
    return np.maximum.reduce(layers)


def fit_font(text: str, file: str, size_px: int, width_px: float, gap_px: float = 0) -> int:
    """Return the largest font size up to `size_px` at which a text is at most `width_px` wide."""
    font = load_font(file, size_px)
    boxes = [find_ink(letter, font) for letter in text]
    gaps = gap_px * (len(text) - 1)
    letters = sum(box[2] - box[0] for box in boxes) / SCALE
    return int(size_px * min(1, (width_px - gaps) / letters))


def reduce(pixels: npt.NDArray[np.float32]) -> Image.Image:
    """Return the picture of large pixels, float32 (height, width, 3), 0 to 255."""
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    return image.resize((image.width // SCALE, image.height // SCALE), Image.Resampling.BOX)


def mix(first: npt.ArrayLike, second: npt.ArrayLike, fraction: Coverage) -> npt.NDArray[np.float32]:
    """Return `first` where the fraction is 0 and `second` where it is 1, float32 (h, w, 3)."""
    weight = fraction[..., np.newaxis]
    return np.asarray(first, np.float32) * (1 - weight) + np.asarray(second, np.float32) * weight
