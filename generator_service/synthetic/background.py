"""The background of a synthetic captcha: flat, a gradient, clouds or stripes."""

from __future__ import annotations

import random

from PIL import Image, ImageDraw

from generator_service.synthetic.colours import Colour, Palette

_MAX_CHANGE = 45  # levels by which a pattern differs from the background colour


def draw_background(size: tuple[int, int], palette: Palette, rng: random.Random) -> Image.Image:
    """Return an RGB image of this size without text."""
    kind = rng.random()
    flat = Image.new("RGB", size, palette.background)
    if kind < 0.6:
        return flat
    other = Image.new("RGB", size, _shift_colour(palette.background, rng))
    if kind < 0.75:
        mask = Image.linear_gradient("L").rotate(rng.choice((0, 90, 180, 270))).resize(size)
    elif kind < 0.9:
        mask = _draw_clouds(size, rng)
    else:
        mask = _draw_stripes(size, rng)
    return Image.composite(other, flat, mask)


def _shift_colour(colour: Colour, rng: random.Random) -> Colour:
    red, green, blue = (
        min(255, max(0, value + rng.randint(-_MAX_CHANGE, _MAX_CHANGE))) for value in colour
    )
    return red, green, blue


def _draw_clouds(size: tuple[int, int], rng: random.Random) -> Image.Image:
    columns, rows = rng.randint(3, 24), rng.randint(2, 10)
    cells = Image.frombytes("L", (columns, rows), rng.randbytes(columns * rows))
    resample = rng.choice((Image.Resampling.BICUBIC, Image.Resampling.NEAREST))
    return cells.resize(size, resample)


def _draw_stripes(size: tuple[int, int], rng: random.Random) -> Image.Image:
    mask = Image.new("L", size)
    draw = ImageDraw.Draw(mask)
    width, height = size
    step, thickness = rng.randint(4, 20), rng.randint(1, 3)
    slant = rng.choice((0, 0, rng.randint(-height, height)))
    is_grid = rng.random() < 0.5
    for x in range(-height, width + height, step):
        draw.line((x, 0, x + slant, height), fill=255, width=thickness)
    if is_grid:
        for y in range(rng.randrange(step), height, step):
            draw.line((0, y, width, y), fill=255, width=thickness)
    return mask
