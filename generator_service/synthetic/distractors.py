"""Distractors of a synthetic captcha: lines, curves, shapes and dots."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from PIL import Image, ImageDraw

from generator_service.synthetic.colours import Colour, Palette
from generator_service.synthetic.options import SyntheticOptions, draw_strength

_CURVE_STEPS = tuple(i / 23 for i in range(24))


def draw_distractors(
    image: Image.Image,
    palette: Palette,
    ink: Colour,
    options: SyntheticOptions,
    rng: random.Random,
) -> None:
    """Draw distractors into an RGB image, half of them in the colour of the text.

    Args:
        image: changed in place.
        palette: colours of the captcha.
        ink: colour of the text.
        options: limits of the effects.
        rng: source of random numbers.
    """
    draw = ImageDraw.Draw(image)
    uses_ink = rng.random() < 0.5
    max_width = rng.choice((1, 1, 2, 2, 3, 3, 5))

    def colour() -> Colour:
        if rng.random() < 0.05:
            return palette.background  # cuts through the characters
        return ink if uses_ink else palette.draw_any(rng)

    for _ in range(round(draw_strength(rng, options.max_lines))):
        _draw_line(draw, image.size, colour(), rng.randint(1, max_width), rng)
    for _ in range(round(draw_strength(rng, options.max_lines / 2))):
        _draw_curve(draw, image.size, colour(), rng.randint(1, max_width), rng)
    if rng.random() < 0.15:
        for _ in range(round(draw_strength(rng, options.max_lines))):
            _draw_shape(draw, image.size, colour(), rng)
    dots = round(draw_strength(rng, options.max_dots) * rng.random())
    radius = rng.choice((0, 0, 1, 1, 2)) if dots < 60 else rng.choice((0, 0, 1))
    for _ in range(dots):
        x, y = rng.randrange(image.width), rng.randrange(image.height)
        draw.ellipse((x, y, x + radius, y + radius), fill=colour())


def _draw_line(
    draw: ImageDraw.ImageDraw,
    size: tuple[int, int],
    colour: Colour,
    line_width: int,
    rng: random.Random,
) -> None:
    width, height = size
    if rng.random() < 0.5:  # across the whole image
        points = [
            (rng.uniform(-0.1, 0.2) * width, rng.random() * height),
            (rng.uniform(0.8, 1.1) * width, rng.random() * height),
        ]
    else:
        points = [(rng.random() * width, rng.random() * height) for _ in range(2)]
    draw.line(points, fill=colour, width=line_width)


def _draw_curve(
    draw: ImageDraw.ImageDraw,
    size: tuple[int, int],
    colour: Colour,
    line_width: int,
    rng: random.Random,
) -> None:
    """Draw an arc, a sine or a Bezier curve."""
    width, height = size
    kind = rng.randrange(3)
    if kind == 0:
        x, y = rng.uniform(-0.2, 0.6) * width, rng.uniform(-0.5, 0.8) * height
        box = (x, y, x + rng.uniform(0.3, 1) * width, y + rng.uniform(0.2, 1.2) * height)
        start = rng.randrange(360)
        draw.arc(box, start, start + rng.randint(60, 270), fill=colour, width=line_width)
        return
    if kind == 1:
        middle, amplitude = rng.uniform(0.2, 0.8) * height, rng.uniform(0.05, 0.4) * height
        period, phase = rng.uniform(0.4, 2), rng.random()
        points = [
            (t * width, middle + amplitude * math.sin(2 * math.pi * (t / period + phase)))
            for t in _CURVE_STEPS
        ]
    else:
        xs, ys = zip(
            *(((i + rng.uniform(-0.3, 0.3)) * width / 3, rng.random() * height) for i in range(4)),
            strict=True,
        )
        points = [(_bezier(xs, t), _bezier(ys, t)) for t in _CURVE_STEPS]
    draw.line(points, fill=colour, width=line_width)


def _bezier(controls: Sequence[float], t: float) -> float:
    """Return a coordinate of a cubic Bezier curve at t, 0 to 1."""
    p0, p1, p2, p3 = controls
    return p0 * (1 - t) ** 3 + 3 * p1 * t * (1 - t) ** 2 + 3 * p2 * t * t * (1 - t) + p3 * t**3


def _draw_shape(
    draw: ImageDraw.ImageDraw, size: tuple[int, int], colour: Colour, rng: random.Random
) -> None:
    width, height = size
    x, y = rng.uniform(-0.1, 1) * width, rng.uniform(-0.1, 1) * height
    box = (x, y, x + rng.uniform(0.05, 0.4) * width, y + rng.uniform(0.1, 0.8) * height)
    if rng.random() < 0.5:
        draw.ellipse(box, outline=colour)
    else:
        draw.rectangle(box, outline=colour)
