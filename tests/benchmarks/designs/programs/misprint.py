"""Letters printed three times in transparent inks that do not meet, on paper with a halftone."""

from __future__ import annotations

import math
import random

import numpy as np
from PIL import Image

from tests.benchmarks.designs.programs import lettering
from tests.benchmarks.designs.programs.command import run

SIZE = (200, 76)
CYAN, MAGENTA, YELLOW = (40, 170, 225), (225, 50, 130), (250, 220, 60)


def draw(text: str, fonts: list[str], rng: random.Random) -> Image.Image:
    width, height = SIZE
    file = rng.choice(fonts)
    size_px = lettering.fit_font(text, file, 52, width - 24, gap_px=3)
    baseline = height / 2 + 0.36 * size_px
    baselines = [baseline + rng.uniform(-3, 3) for _ in text]
    angles = [rng.uniform(-6, 6) for _ in text]
    font = lettering.load_font(file, size_px)
    letters = lettering.unite(lettering.place(SIZE, text, font, 3, baselines, angles))
    page = lettering.mix((250, 247, 240), (205, 200, 190), _halftone(rng))
    distance = max(1.5, size_px * rng.uniform(0.05, 0.09)) * lettering.SCALE
    turn = rng.uniform(0, 2 * math.pi)
    for number, ink in enumerate((CYAN, MAGENTA, YELLOW)):
        angle = turn + number * 2 * math.pi / 3
        shift = (round(distance * math.sin(angle)), round(distance * math.cos(angle)))
        printed = np.roll(letters, shift, axis=(0, 1))
        # Inks let each other through.
        page = page * lettering.mix((255, 255, 255), ink, printed) / 255
    return lettering.reduce(page)


def _halftone(rng: random.Random) -> lettering.Coverage:
    """Return the coverage of dots that grow along a slope."""
    y, x = np.mgrid[: SIZE[1] * lettering.SCALE, : SIZE[0] * lettering.SCALE] / lettering.SCALE
    angle = rng.uniform(0, 2 * math.pi)
    slope = (x / SIZE[0] - 0.5) * math.cos(angle) + (y / SIZE[1] - 0.5) * math.sin(angle)
    pitch = rng.uniform(4, 6)
    u, v = (x + y) / math.sqrt(2) % pitch - pitch / 2, (x - y) / math.sqrt(2) % pitch - pitch / 2
    return (np.hypot(u, v) < pitch * 0.6 * np.clip(slope + 0.4, 0, 1)).astype(np.float32)


if __name__ == "__main__":
    run(draw)
