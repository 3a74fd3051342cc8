"""Letters that a whirl twists about a point of the picture, in front of its ripples."""

from __future__ import annotations

import math
import random

import numpy as np
from PIL import Image

from tests.benchmarks.designs.programs import lettering
from tests.benchmarks.designs.programs.command import run

SIZE = (168, 64)


def draw(text: str, fonts: list[str], rng: random.Random) -> Image.Image:
    width, height = SIZE
    file = rng.choice(fonts)
    font = lettering.load_font(file, lettering.fit_font(text, file, 38, width - 28, gap_px=4))
    layers = lettering.place(SIZE, text, font, 4, [height * 0.68] * len(text), [0] * len(text))
    centre = (width * rng.uniform(0.3, 0.7), height * rng.uniform(0.4, 0.6))
    letters = _twist(lettering.unite(layers), centre, rng)
    shades = [rng.uniform(0, 60) for _ in range(3)]
    hollow, crest = [150 + shade for shade in shades], [195 + shade for shade in shades]
    page = lettering.mix(crest, hollow, _draw_ripples(centre, rng))
    return lettering.reduce(lettering.mix(page, shades, letters))


def _twist(
    letters: lettering.Coverage, centre: tuple[float, float], rng: random.Random
) -> lettering.Coverage:
    """Return the coverage after a rotation that fades with the distance from the centre."""
    y, x = np.mgrid[: letters.shape[0], : letters.shape[1]]
    centre_x, centre_y = centre[0] * lettering.SCALE, centre[1] * lettering.SCALE
    dx, dy = x - centre_x, y - centre_y
    reach = letters.shape[1] * rng.uniform(0.2, 0.3)
    turn = math.radians(rng.choice((-1, 1)) * rng.uniform(20, 40))
    angle = turn * np.exp(-((np.hypot(dx, dy) / reach) ** 2))
    old_x = centre_x + dx * np.cos(angle) - dy * np.sin(angle)
    old_y = centre_y + dx * np.sin(angle) + dy * np.cos(angle)
    rows = np.clip(np.rint(old_y), 0, letters.shape[0] - 1).astype(np.intp)
    columns = np.clip(np.rint(old_x), 0, letters.shape[1] - 1).astype(np.intp)
    return letters[rows, columns]


def _draw_ripples(centre: tuple[float, float], rng: random.Random) -> lettering.Coverage:
    """Return circular waves around the centre."""
    y, x = np.mgrid[: SIZE[1] * lettering.SCALE, : SIZE[0] * lettering.SCALE] / lettering.SCALE
    distance = np.hypot(x - centre[0], y - centre[1])
    wave = 0.5 + 0.5 * np.cos(distance * 2 * math.pi / rng.uniform(6, 11))
    return (0.5 * wave).astype(np.float32)


if __name__ == "__main__":
    run(draw)
