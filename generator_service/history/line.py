"""The style `line`: clean letters, crossed by one stroke.

Letters that are easy to read one by one are hard to cut apart when a stroke of their own colour and
width joins them: Chellapilla and Simard, "Using Machine Learning to Break Visual Human Interaction
Proofs (HIPs)", 2004.
"""

from __future__ import annotations

import math
import random

from PIL import Image, ImageDraw

from generator_service.history.lettering import draw_character, draw_colour, join, place

_MIN_GAP_PX, _MAX_GAP_PX = 3.0, 8.0
_MIN_STROKE, _MAX_STROKE = 0.035, 0.06  # of the height
_MAX_WAVE = 0.12
_SAMPLES = 4  # per pixel and axis, because Pillow draws lines without antialiasing
_STEPS = 48
_FILL = (0.96, 0.75)


def render_line(
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
    masks = [draw_character(font, character, 0.0) for character in text]
    gaps = [rng.uniform(_MIN_GAP_PX, _MAX_GAP_PX) for _ in masks[1:]]
    mask = place(join(masks, gaps), size, _FILL, rng)
    background, ink = draw_colour(rng, 215, 255), draw_colour(rng, 0, 110)
    image = Image.new("RGB", size, background)
    image.paste(ink, (0, 0), mask)
    image.paste(ink, (0, 0), _draw_stroke(mask, rng))
    return image


def _draw_stroke(mask: Image.Image, rng: random.Random) -> Image.Image:
    """Return a wave through the middle of the text, from before its start to after its end."""
    width, height = mask.size
    left, top, right, bottom = mask.getbbox() or (0, 0, width, height)
    start, stop = rng.uniform(-0.05, left / width / 2), rng.uniform(0.5 + right / width / 2, 1.05)
    # Both ends lie within the text, so that the stroke crosses every letter.
    first, last = (
        rng.uniform(top + 0.3 * (bottom - top), bottom - 0.3 * (bottom - top)) for _ in "ab"
    )
    wave = rng.uniform(0.3, 1) * _MAX_WAVE * (bottom - top)
    period, phase = rng.uniform(0.6, 1.4), rng.random()
    points = []
    for step in range(_STEPS + 1):
        t = step / _STEPS
        y = first + (last - first) * t + wave * math.sin(2 * math.pi * (t / period + phase))
        x = (start + (stop - start) * t) * width
        points.append((x * _SAMPLES, y * _SAMPLES))
    thickness = max(1, round(rng.uniform(_MIN_STROKE, _MAX_STROKE) * height * _SAMPLES))
    canvas = Image.new("L", (width * _SAMPLES, height * _SAMPLES))
    ImageDraw.Draw(canvas).line(points, fill=255, width=thickness, joint="curve")
    return canvas.reduce(_SAMPLES)
