"""Letters on a circular arc, filled with hatching or dots, in front of a faint guilloche."""

from __future__ import annotations

import math
import random

import numpy as np
from PIL import Image

from tests.benchmarks.designs.programs import lettering
from tests.benchmarks.designs.programs.command import run

SIZE = (192, 72)


def draw(text: str, fonts: list[str], rng: random.Random) -> Image.Image:
    width, height = SIZE
    file = rng.choice(fonts)
    font = lettering.load_font(file, lettering.fit_font(text, file, 42, width - 30, gap_px=3))
    bend = rng.choice((-1, 1)) * rng.uniform(10, 30)  # degrees at the ends of the text
    places = [(i + 0.5) / len(text) * 2 - 1 for i in range(len(text))]
    # The height of an arc over its chord, centred in the picture.
    rises = [math.tan(math.radians(bend) / 2) * width * 0.42 * (p * p - 0.4) for p in places]
    baselines = [height * 0.68 + rise for rise in rises]
    angles = [-bend * place for place in places]
    letters = lettering.unite(lettering.place(SIZE, text, font, 3, baselines, angles))
    shade = rng.uniform(20, 90)
    ink = [min(150, shade + rng.uniform(0, 60)) for _ in range(3)]
    paper = [rng.uniform(225, 255) for _ in range(3)]
    pale = [(dark + 2 * light) / 3 for dark, light in zip(ink, paper, strict=True)]
    page = lettering.mix(paper, pale, _lines(rng))
    return lettering.reduce(lettering.mix(page, ink, letters * _fill(rng)))


def _lines(rng: random.Random) -> lettering.Coverage:
    """Return the coverage of interleaved waves, as on a banknote."""
    y, x = np.mgrid[: SIZE[1] * lettering.SCALE, : SIZE[0] * lettering.SCALE] / lettering.SCALE
    period, amplitude = rng.uniform(50, 90), rng.uniform(5, 12)
    wave = y + amplitude * np.sin(2 * math.pi * x / period + rng.uniform(0, 6.3))
    return (wave % rng.uniform(8, 12) < 0.8).astype(np.float32)


def _fill(rng: random.Random) -> lettering.Coverage:
    """Return the coverage of the pattern inside the letters."""
    y, x = np.mgrid[: SIZE[1] * lettering.SCALE, : SIZE[0] * lettering.SCALE] / lettering.SCALE
    angle = math.radians(rng.uniform(20, 160))
    u = x * math.cos(angle) + y * math.sin(angle)
    v = y * math.cos(angle) - x * math.sin(angle)
    if rng.random() < 0.6:
        return (u % 3.6 < 2.2).astype(np.float32)
    return ((u % 3 - 1.5) ** 2 + (v % 3 - 1.5) ** 2 < 1.35**2).astype(np.float32)


if __name__ == "__main__":
    run(draw)
