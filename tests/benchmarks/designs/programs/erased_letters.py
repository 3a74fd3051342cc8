"""Touching letters of one colour on a wavy baseline, cut by strokes in the background colour."""

from __future__ import annotations

import colorsys
import math
import random

import numpy as np
from PIL import Image, ImageDraw

from tests.benchmarks.designs.programs import lettering
from tests.benchmarks.designs.programs.command import run

SIZE = (180, 68)


def draw(text: str, fonts: list[str], rng: random.Random) -> Image.Image:
    width, height = SIZE
    file = rng.choice(fonts)
    font = lettering.load_font(file, lettering.fit_font(text, file, 44, width - 16))
    phase, waves = rng.uniform(0, 2 * math.pi), rng.uniform(0.6, 1.2)
    steps = [2 * math.pi * waves * i / len(text) + phase for i in range(len(text))]
    baselines = [height * 0.72 + 6 * math.sin(step) for step in steps]
    angles = [-12 * math.cos(step) for step in steps]
    letters = lettering.unite(lettering.place(SIZE, text, font, -1, baselines, angles))
    ink = _colour(rng, rng.uniform(0.25, 0.55))
    paper = _colour(rng, rng.uniform(0.9, 1.0), saturation=0.15)
    return lettering.reduce(lettering.mix(paper, ink, letters * (1 - _draw_strokes(rng))))


def _draw_strokes(rng: random.Random) -> np.ndarray:
    """Return the coverage of wavy strokes that cross the picture."""
    width, height = SIZE[0] * lettering.SCALE, SIZE[1] * lettering.SCALE
    layer = Image.new("L", (width, height))
    pen = ImageDraw.Draw(layer)
    for number in range(4):
        y = height * (0.22 + 0.18 * number + rng.uniform(-0.04, 0.04))
        tilt = rng.uniform(-0.12, 0.12)
        bend, length, phase = rng.uniform(2, 9), rng.uniform(120, 260), rng.uniform(0, 6.3)
        points = [
            (x, y + tilt * (x - width / 2) + bend * math.sin(x / length * 6.3 + phase))
            for x in range(-9, width + 9, 6)
        ]
        pen.line(points, fill=255, width=rng.choice((4, 5, 6)))
    return np.asarray(layer, np.float32) / 255


def _colour(rng: random.Random, value: float, saturation: float = 0.7) -> tuple[float, ...]:
    return tuple(255 * part for part in colorsys.hsv_to_rgb(rng.random(), saturation, value))


if __name__ == "__main__":
    run(draw)
