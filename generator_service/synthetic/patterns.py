"""Patterns of a synthetic captcha: masks that hatch its characters or swap its colours."""

from __future__ import annotations

import random

from PIL import Image, ImageDraw


def draw_hatching(size: tuple[int, int], rng: random.Random) -> Image.Image:
    """Return stripes or noise, mode L, through which characters are painted."""
    low = rng.choice((0, 0, 90))
    width, height = size
    kind = rng.randrange(3)
    if kind == 0:
        chance = rng.uniform(0.5, 0.9)
        noise = Image.frombytes("L", size, rng.randbytes(width * height))
        return noise.point(lambda value: 255 if value < 255 * chance else low)
    pattern = Image.new("L", size, low)
    draw = ImageDraw.Draw(pattern)
    step = rng.randint(2, 6)
    thickness = max(1, step - rng.randint(1, 2))
    if kind == 1:
        slant = rng.choice((-height, 0, height))
        for x in range(-height, width + height, step):
            draw.line((x, 0, x + slant, height), fill=255, width=thickness)
    else:
        for y in range(0, height, step):
            draw.line((0, y, width, y), fill=255, width=thickness)
    return pattern


def draw_regions(size: tuple[int, int], rng: random.Random) -> Image.Image:
    """Return checks, stripes, a half or ellipses, mode L, at any angle."""
    width, height = size
    side = 2 * max(size)
    regions = Image.new("L", (side, side))
    draw = ImageDraw.Draw(regions)
    kind, step = rng.randrange(4), rng.randint(8, 40)
    if kind == 0:
        for row, y in enumerate(range(0, side, step)):
            for x in range(step * (row % 2), side, 2 * step):
                draw.rectangle((x, y, x + step - 1, y + step - 1), fill=255)
    elif kind == 1:
        for x in range(0, side, 2 * step):
            draw.rectangle((x, 0, x + step - 1, side), fill=255)
    elif kind == 2:
        draw.rectangle((0, 0, side // 2, side), fill=255)
    else:
        for _ in range(rng.randint(2, 10)):
            left, top = rng.uniform(0.2, 0.8) * side, rng.uniform(0.2, 0.8) * side
            right, bottom = left + rng.uniform(1, 4) * step, top + rng.uniform(1, 3) * step
            draw.ellipse((left, top, right, bottom), fill=255)
    regions = regions.rotate(rng.uniform(0, 360))
    x, y = (side - width) // 2, (side - height) // 2
    return regions.crop((x, y, x + width, y + height))
