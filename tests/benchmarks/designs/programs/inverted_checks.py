"""Letters that invert a tilted checkerboard: each letter is dark on light and light on dark."""

from __future__ import annotations

import math
import random

import numpy as np
from PIL import Image

from tests.benchmarks.designs.programs import lettering
from tests.benchmarks.designs.programs.command import run

SIZE = (200, 75)
SCHEMES = (
    ((20, 20, 24), (246, 246, 240)),
    ((16, 52, 110), (252, 226, 150)),
    ((120, 20, 40), (236, 240, 246)),
    ((10, 84, 62), (250, 238, 214)),
)


def draw(text: str, fonts: list[str], rng: random.Random) -> Image.Image:
    width, height = SIZE
    file = rng.choice(fonts)
    font = lettering.load_font(file, lettering.fit_font(text, file, 58, width - 24, gap_px=5))
    baselines = [height * 0.79 + rng.uniform(-4, 4) for _ in text]
    angles = [rng.uniform(-9, 9) for _ in text]
    letters = lettering.unite(lettering.place(SIZE, text, font, 5, baselines, angles))
    board = _draw_board(rng)
    dark, light = rng.choice(SCHEMES)
    return lettering.reduce(lettering.mix(light, dark, letters + board - 2 * letters * board))


def _draw_board(rng: random.Random) -> np.ndarray:
    """Return 1 on every other field of the board."""
    y, x = np.mgrid[: SIZE[1] * lettering.SCALE, : SIZE[0] * lettering.SCALE]
    tilt = math.radians(rng.uniform(-20, 20))
    column = (x * math.cos(tilt) + y * math.sin(tilt)) / (lettering.SCALE * rng.uniform(22, 38))
    row = (y * math.cos(tilt) - x * math.sin(tilt)) / (lettering.SCALE * rng.uniform(18, 30))
    shift_x, shift_y = rng.random(), rng.random()
    return ((np.floor(column + shift_x) + np.floor(row + shift_y)) % 2).astype(np.float32)


if __name__ == "__main__":
    run(draw)
