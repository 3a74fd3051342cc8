"""A tile: one pictogram, distorted, on a background."""

from __future__ import annotations

import math
import random

import numpy as np
from PIL import Image, ImageDraw

from generator_service.history.lettering import draw_colour
from generator_service.pictures.pictograms import GLYPH_PX, render_pictogram

TILE_PX = 64
"""Width and height of a tile."""

_MIN_SCALE, _MAX_SCALE = 0.55, 0.78  # longer side of the pictogram in relation to the tile
_MAX_ANGLE_DEG = 25.0
_MAX_SHEAR = 0.25
_INVERTED_FRACTION = 0.35
_MAX_LINES = 3
_MAX_NOISE = 22.0  # standard deviation in grey levels


def draw_tile(character: str, rng: random.Random) -> Image.Image:
    """Return an RGB image of TILE_PX x TILE_PX pixels.

    Args:
        character: a character of the pictogram font.
        rng: determines size, position, angle, colours, lines and noise.
    """
    is_inverted = rng.random() < _INVERTED_FRACTION
    background, ink = ((10, 90), (170, 255)) if is_inverted else ((150, 250), (0, 95))
    image = _draw_background(background, rng)
    draw = ImageDraw.Draw(image)
    for _ in range(rng.randint(0, _MAX_LINES)):
        points = [rng.uniform(-8, TILE_PX + 8) for _ in range(4)]
        draw.line(points, draw_colour(rng, *background), rng.randint(1, 3))
    image.paste(draw_colour(rng, *ink), (0, 0), _transform(render_pictogram(character), rng))
    for _ in range(rng.randint(0, 2)):
        points = [rng.uniform(-8, TILE_PX + 8) for _ in range(4)]
        draw.line(points, draw_colour(rng, *ink), 1)
    return _add_noise(image, rng)


def _draw_background(levels: tuple[int, int], rng: random.Random) -> Image.Image:
    cells = rng.randint(2, 4)
    small = Image.new("RGB", (cells, cells))
    small.putdata([draw_colour(rng, *levels) for _ in range(cells * cells)])
    return small.resize((TILE_PX, TILE_PX), Image.Resampling.BICUBIC)


def _transform(mask: Image.Image, rng: random.Random) -> Image.Image:
    """Return the pictogram scaled, rotated, sheared and moved, mode L, in the size of a tile."""
    scale = rng.uniform(_MIN_SCALE, _MAX_SCALE) * TILE_PX / GLYPH_PX
    angle = math.radians(rng.uniform(-_MAX_ANGLE_DEG, _MAX_ANGLE_DEG))
    shear = rng.uniform(-_MAX_SHEAR, _MAX_SHEAR)
    cos, sin = math.cos(angle), math.sin(angle)
    free = TILE_PX * (1 - _MAX_SCALE) / 2
    x, y = (TILE_PX / 2 + rng.uniform(-free, free) for _ in "xy")
    # Pillow maps new pixels to old ones.
    a, b = cos / scale, (sin + shear * cos) / scale
    c, d = -sin / scale, (cos - shear * sin) / scale
    matrix = (a, b, mask.width / 2 - a * x - b * y, c, d, mask.height / 2 - c * x - d * y)
    return mask.transform(
        (TILE_PX, TILE_PX), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC
    )


def _add_noise(image: Image.Image, rng: random.Random) -> Image.Image:
    numbers = np.random.Generator(np.random.PCG64(rng.getrandbits(64)))
    pixels = np.asarray(image).astype(np.float32)
    pixels += rng.uniform(0, _MAX_NOISE) * numbers.standard_normal(pixels.shape, np.float32)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
