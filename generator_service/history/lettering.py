"""Lettering: a text as one mask, and its place in the image."""

from __future__ import annotations

import random

import numpy as np
from PIL import Image

from generator_service.synthetic.colours import Colour, luma
from generator_service.synthetic.glyph_masks import REFERENCE_PX, render_mask
from generator_service.synthetic.glyph_shapes import GlyphShape

_INK_LEVEL = 128  # coverage from which a pixel belongs to a character
_MIN_ADVANCE = 0.55  # of the width of a character, so that two never change places
_MARGIN_PX = 2


def draw_character(
    file: str, character: str, angle: float, shear: float = 0.0, stroke_px: int = 0
) -> Image.Image:
    """Return the coverage of a character at the reference size, mode L, cropped at the sides.

    The vertical middle of the mask is that of a line of the font, so that characters of any angle
    stay on one baseline.

    Args:
        file: path of the font.
        character: the character.
        angle: rotation in radians.
        shear: horizontal shift per row.
        stroke_px: by how much its strokes are made wider on each side.
    """
    shape = GlyphShape(render_mask(file, character, stroke_px, 0), angle, shear, 1.0)
    mask = shape.render(1.0).whole
    box = mask.getbbox()
    return mask.crop((box[0], 0, box[2], mask.height)) if box else mask


def join(
    masks: list[Image.Image], gaps_px: list[float], offsets_px: list[float] | None = None
) -> Image.Image:
    """Return the characters side by side, mode L, cropped to what is visible.

    Args:
        masks: coverage of each character.
        gaps_px: space after each character but the last; negative where they overlap.
        offsets_px: by how much each character is moved down; None for a straight line.
    """
    lefts = [0.0]
    for mask, gap in zip(masks, gaps_px, strict=False):
        lefts.append(lefts[-1] + mask.width + gap)
    start = min(lefts)
    height = 2 * max(mask.height for mask in masks)
    width = max(left + mask.width for left, mask in zip(lefts, masks, strict=True)) - start
    strip = Image.new("L", (round(width) + 1, height))
    for mask, left, offset in zip(masks, lefts, offsets_px or [0.0] * len(masks), strict=True):
        place = (round(left - start), round((height - mask.height) / 2 + offset))
        strip.paste(255, place, mask)
    box = strip.getbbox()
    return strip.crop(box) if box else strip


def measure_gap(left: Image.Image, right: Image.Image) -> float:
    """Return the smallest horizontal distance of two adjacent characters, in pixels.

    It is the distance along a row of pixels if their boxes touch, so a gap of its negative makes
    the characters touch. It is limited, so that a character cannot move below a neighbour.
    """
    height = max(left.height, right.height)
    # Distance of the outermost pixel of each row from the side.
    free = _measure_sides(left, height, "right") + _measure_sides(right, height, "left")
    limit = (1 - _MIN_ADVANCE) * min(left.width, right.width)
    return float(min(free.min(), limit))


def _measure_sides(mask: Image.Image, height: int, side: str) -> np.ndarray:
    """Return the free pixels of each row at a side, float64 (height,); empty rows are infinite."""
    is_ink = np.asarray(mask) >= _INK_LEVEL
    if side == "right":
        is_ink = is_ink[:, ::-1]
    free = np.where(is_ink.any(axis=1), is_ink.argmax(axis=1), np.inf)
    padded = np.full(height, np.inf)
    top = (height - len(free)) // 2
    padded[top : top + len(free)] = free
    return padded


def place(
    strip: Image.Image, size: tuple[int, int], fill: tuple[float, float], rng: random.Random
) -> Image.Image:
    """Return the text in an image of this size, mode L, at a random position.

    Args:
        strip: the text at the reference size.
        size: width and height of the image in pixels.
        fill: the fractions of width and height that the text can have at most.
        rng: source of random numbers.
    """
    width, height = size
    scale = min(
        max(1.0, fill[0] * width - 2 * _MARGIN_PX) / strip.width,
        max(1.0, fill[1] * height) / strip.height,
    )
    # Short words without tall letters would otherwise become much larger than others.
    scale = min(scale, height / REFERENCE_PX)
    text = strip.resize(
        (max(1, round(strip.width * scale)), max(1, round(strip.height * scale))),
        Image.Resampling.BICUBIC,
    )
    free_x, free_y = width - text.width, height - text.height
    left = round(rng.uniform(_MARGIN_PX, max(_MARGIN_PX, free_x - _MARGIN_PX)))
    mask = Image.new("L", size)
    mask.paste(text, (min(left, max(0, free_x)), round(rng.uniform(0.25, 0.75) * free_y)))
    return mask


def draw_colour(rng: random.Random, low: float, high: float) -> Colour:
    """Return a random colour whose brightness is between two grey levels."""
    colour = (rng.randrange(256), rng.randrange(256), rng.randrange(256))
    level = luma(colour)
    target = rng.uniform(low, high)
    # Towards black or white: both keep the hue.
    if level > target:
        red, green, blue = (value * target / level for value in colour)
    else:
        part = (target - level) / (255 - level) if level < 255 else 0.0
        red, green, blue = (value + (255 - value) * part for value in colour)
    return round(red), round(green), round(blue)
