"""The background of a synthetic captcha: flat, a gradient, clouds or stripes."""

from __future__ import annotations

import random

from PIL import Image, ImageDraw

from generator_service.synthetic.colours import Colour, Palette

# Levels by which a pattern differs from the background colour.
_MAX_CHANGE = 45
_MAX_STRONG_CHANGE = 110


def draw_background(size: tuple[int, int], palette: Palette, rng: random.Random) -> Image.Image:
    """Return an RGB image of this size without text."""
    kind = rng.random()
    flat = Image.new("RGB", size, palette.background)
    if kind < 0.6:
        return flat
    change = _MAX_CHANGE if rng.random() < 0.7 else _MAX_STRONG_CHANGE
    other = Image.new("RGB", size, _shift_colour(palette.background, change, rng))
    if kind < 0.75:
        mask = Image.linear_gradient("L").rotate(rng.choice((0, 90, 180, 270))).resize(size)
    elif kind < 0.9:
        mask = _draw_clouds(size, rng)
    else:
        mask = _draw_stripes(size, rng)
    return Image.composite(other, flat, mask)


def _shift_colour(colour: Colour, change: int, rng: random.Random) -> Colour:
    red, green, blue = (min(255, max(0, value + rng.randint(-change, change))) for value in colour)
    return red, green, blue


def _draw_clouds(size: tuple[int, int], rng: random.Random) -> Image.Image:
    columns, rows = rng.randint(3, 24), rng.randint(2, 10)
    resample = rng.choice((Image.Resampling.BICUBIC, Image.Resampling.NEAREST))
    clouds = _draw_cells(columns, rows, rng).resize(size, resample)
    if rng.random() < 0.5:  # a texture, as photos have
        for factor in (2, 4):
            finer = _draw_cells(columns * factor, rows * factor, rng).resize(size, resample)
            clouds = Image.blend(clouds, finer, 0.35)
    return clouds


def _draw_cells(columns: int, rows: int, rng: random.Random) -> Image.Image:
    return Image.frombytes("L", (columns, rows), rng.randbytes(columns * rows))


def _draw_stripes(size: tuple[int, int], rng: random.Random) -> Image.Image:
    mask = Image.new("L", size)
    draw = ImageDraw.Draw(mask)
    width, height = size
    step, thickness = rng.randint(4, 20), rng.randint(1, 3)
    slant = rng.choice((0, 0, rng.randint(-height, height)))
    is_grid = rng.random() < 0.5
    if rng.random() < 0.25:
        _draw_dots(draw, size, step, rng.randint(1, max(1, step // 3)))
        return mask
    for x in range(-height, width + height, step):
        draw.line((x, 0, x + slant, height), fill=255, width=thickness)
    if is_grid:
        for y in range(rng.randrange(step), height, step):
            draw.line((0, y, width, y), fill=255, width=thickness)
    return mask


def _draw_dots(draw: ImageDraw.ImageDraw, size: tuple[int, int], step: int, radius: int) -> None:
    """Draw a raster of dots; every second row is shifted."""
    width, height = size
    for row, y in enumerate(range(0, height + step, step)):
        for x in range(step // 2 * (row % 2), width + step, step):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
