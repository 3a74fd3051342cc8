"""Translucent letters seen at a slant, on a texture that looks like an aerial photograph."""

from __future__ import annotations

import random

import numpy as np
from PIL import Image, ImageFilter

from tests.benchmarks.designs.programs import lettering
from tests.benchmarks.designs.programs.command import run

SIZE = (240, 90)
# Colours of low, middle and high ground.
GROUNDS = (
    ((28, 60, 96), (86, 118, 70), (206, 196, 150)),
    ((60, 44, 36), (150, 110, 74), (226, 206, 170)),
    ((34, 54, 40), (96, 122, 84), (190, 200, 190)),
)


def draw(text: str, fonts: list[str], rng: random.Random) -> Image.Image:
    width, height = SIZE
    file = rng.choice(fonts)
    font = lettering.load_font(file, lettering.fit_font(text, file, 60, width - 50, gap_px=4))
    layers = lettering.place(SIZE, text, font, 4, [height * 0.7] * len(text), [0] * len(text))
    letters = _tilt(lettering.unite(layers), rng)
    ground = _draw_ground(rng)
    is_light = rng.random() < 0.5
    ink, halo = ((250, 250, 244), (0, 0, 0)) if is_light else ((18, 16, 22), (255, 255, 255))
    blurred = Image.fromarray((letters * 255).astype(np.uint8)).filter(ImageFilter.BoxBlur(6))
    glow = np.minimum(1, 1.5 * np.asarray(blurred, np.float32) / 255) * 0.55
    opacity = rng.uniform(0.65, 0.9)
    page = lettering.mix(ground, halo, glow)
    return lettering.reduce(lettering.mix(page, ink, letters * np.float32(opacity)))


def _tilt(letters: lettering.Coverage, rng: random.Random) -> lettering.Coverage:
    """Return letters as seen from one side: a random quadrilateral fills the picture."""
    height, width = letters.shape
    corners = [(0, 0), (0, height), (width, height), (width, 0)]
    inset = [
        (x + rng.uniform(-0.07, 0.07) * width, y + rng.uniform(-0.16, 0.16) * height)
        for x, y in corners
    ]
    quadrilateral = tuple(part for corner in inset for part in corner)
    layer = Image.fromarray((letters * 255).astype(np.uint8)).transform(
        (width, height), Image.Transform.QUAD, quadrilateral, Image.Resampling.BICUBIC
    )
    return np.asarray(layer, np.float32) / 255


def _draw_ground(rng: random.Random) -> np.ndarray:
    """Return hills of several sizes, coloured by height and lit from one side."""
    width, height = SIZE[0] * lettering.SCALE, SIZE[1] * lettering.SCALE
    numbers = np.random.Generator(np.random.PCG64(rng.getrandbits(64)))
    relief = np.zeros((height, width), np.float32)
    for octave in range(6):
        columns, rows = 4 * 2**octave, 2 * 2**octave
        hills = Image.fromarray(numbers.random((rows, columns), np.float32))
        resized = hills.resize((width, height), Image.Resampling.BICUBIC)
        relief += np.asarray(resized) * 0.55**octave
    relief = (relief - relief.min()) / np.ptp(relief)
    low, middle, high = (np.asarray(colour, np.float32) for colour in rng.choice(GROUNDS))
    base = (
        lettering.mix(low, middle, np.clip(relief * 2, 0, 1))
        + (high - middle) * np.clip(relief * 2 - 1, 0, 1)[..., np.newaxis]
    )
    slope_y, slope_x = np.gradient(relief)
    light = 1 + 14 * (slope_x * rng.choice((-1, 1)) - slope_y)
    return base * np.clip(light, 0.55, 1.45)[..., np.newaxis]


if __name__ == "__main__":
    run(draw)
