"""The style `gimpy`: warped letters on a colour gradient.

After EZ-Gimpy, the captcha of Yahoo in 2001 (von Ahn, Blum, Hopper and Langford, "CAPTCHA: Using
Hard AI Problems for Security", 2003), which Mori and Malik broke in 2003.
"""

from __future__ import annotations

import math
import random

from PIL import Image

from generator_service.history.lettering import draw_character, draw_colour, join, place

_MAX_ANGLE = math.radians(8)
_MIN_GAP_PX, _MAX_GAP_PX = 1.0, 6.0
_CELL_PX = 8
_MIN_WAVE_PX, _MAX_WAVE_PX = 2.0, 5.0
_MIN_PERIOD_PX, _MAX_PERIOD_PX = 60.0, 110.0
_INVERTED_FRACTION = 0.3
_FILL = (0.96, 0.8)


def render_gimpy(
    text: str, size: tuple[int, int], fonts: tuple[str, ...], rng: random.Random
) -> Image.Image:
    """Return an RGB image of a text.

    Args:
        text: what the image shows, at least one character.
        size: width and height in pixels.
        fonts: font files that contain all characters.
        rng: determines the image.
    """
    font = rng.choice(fonts)
    masks = [
        draw_character(font, character, rng.uniform(-_MAX_ANGLE, _MAX_ANGLE), stroke_px=1)
        for character in text
    ]
    gaps = [rng.uniform(_MIN_GAP_PX, _MAX_GAP_PX) for _ in masks[1:]]
    strip = _warp(join(masks, gaps), rng)
    mask = place(strip, size, _FILL, rng)
    is_inverted = rng.random() < _INVERTED_FRACTION
    # The gradient and the ink never have the same brightness, because people see shapes by it.
    background, ink = ((20, 110), (200, 255)) if is_inverted else ((140, 240), (0, 70))
    image = _draw_gradient(size, background, rng)
    image.paste(draw_colour(rng, *ink), (0, 0), mask)
    return image


def _warp(strip: Image.Image, rng: random.Random) -> Image.Image:
    """Move the pixels along two sine waves in each direction."""
    margin = math.ceil(2 * _MAX_WAVE_PX) + 1
    width, height = (
        _CELL_PX * math.ceil((side + 2 * margin) / _CELL_PX) for side in strip.size
    )  # fmt: skip
    left, top = (width - strip.width) // 2, (height - strip.height) // 2
    waves = [
        (
            rng.uniform(_MIN_WAVE_PX, _MAX_WAVE_PX),
            rng.uniform(_MIN_PERIOD_PX, _MAX_PERIOD_PX),
            rng.random(),
        )
        for _ in range(2)
    ]

    def move(x: int, y: int) -> tuple[float, float]:
        """Return the old position of a corner of the mesh."""
        (size_x, period_x, phase_x), (size_y, period_y, phase_y) = waves
        # Each wave runs along both axes, so that the strokes bend and do not only shift.
        dx = size_x * math.sin(2 * math.pi * ((y + 0.4 * x) / period_x + phase_x))
        dy = size_y * math.sin(2 * math.pi * ((x + 0.3 * y) / period_y + phase_y))
        return x + dx - left, y + dy - top

    mesh = []
    for y in range(0, height, _CELL_PX):
        for x in range(0, width, _CELL_PX):
            right, bottom = x + _CELL_PX, y + _CELL_PX
            corners = ((x, y), (x, bottom), (right, bottom), (right, y))
            quad = tuple(value for corner in corners for value in move(*corner))
            mesh.append(((x, y, right, bottom), quad))
    warped = strip.transform((width, height), Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)
    box = warped.getbbox()
    return warped.crop(box) if box else warped


def _draw_gradient(
    size: tuple[int, int], levels: tuple[int, int], rng: random.Random
) -> Image.Image:
    """Return an RGB image that goes through three colours in a random direction."""
    # Three columns of pixels, enlarged: a smooth gradient without any arithmetic of our own.
    colours = [draw_colour(rng, *levels) for _ in range(6)]
    small = Image.new("RGB", (3, 2))
    small.putdata(colours)
    return small.resize(size, Image.Resampling.BICUBIC)
