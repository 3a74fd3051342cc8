"""Letters laid in irregular tiles, each of one tint, with joints between all tiles."""

from __future__ import annotations

import colorsys
import random

import numpy as np
from PIL import Image

from tests.benchmarks.designs.programs import lettering
from tests.benchmarks.designs.programs.command import run

SIZE = (190, 71)


def draw(text: str, fonts: list[str], rng: random.Random) -> Image.Image:
    width, height = SIZE
    file = rng.choice(fonts)
    font = lettering.load_font(file, lettering.fit_font(text, file, 54, width - 20, gap_px=5))
    baselines = [height * 0.74 + rng.uniform(-4, 4) for _ in text]
    angles = [rng.uniform(-8, 8) for _ in text]
    letters = lettering.unite(lettering.place(SIZE, text, font, 5, baselines, angles))
    tiles, is_joint = _lay_tiles(rng)
    sizes = np.maximum(1, np.bincount(tiles.ravel()))
    covered = np.bincount(tiles.ravel(), letters.ravel()) / sizes
    hue = rng.random()
    tints = np.array([_tint(hue, part > 0.5, rng) for part in covered], np.float32)
    joint = [rng.uniform(120, 150)] * 3
    return lettering.reduce(lettering.mix(tints[tiles], joint, 0.7 * is_joint))


def _lay_tiles(rng: random.Random) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of the tile at each pixel, and 1 where it is a joint.

    A tile is what is nearer to its centre than to all others (a Voronoi diagram). The centres are
    the shaken points of a grid, so that the nearest one is in one of the nine fields around.
    """
    height, width = SIZE[1] * lettering.SCALE, SIZE[0] * lettering.SCALE
    pitch = lettering.SCALE * rng.uniform(3.2, 4.2)
    columns, rows = int(width / pitch) + 3, int(height / pitch) + 3
    numbers = np.random.Generator(np.random.PCG64(rng.getrandbits(64)))
    shaken = numbers.uniform(0.15, 0.85, (rows, columns, 2))
    y, x = np.mgrid[:height, :width] / pitch + 1
    nearest, second = np.full((2, height, width), np.inf)
    tiles = np.zeros((height, width), np.intp)
    for row_step in (-1, 0, 1):
        for column_step in (-1, 0, 1):
            row, column = y.astype(np.intp) + row_step, x.astype(np.intp) + column_step
            centre = shaken[row, column]
            distance = np.hypot(y - row - centre[..., 0], x - column - centre[..., 1])
            is_nearer = distance < nearest
            second = np.minimum(second, np.where(is_nearer, nearest, distance))
            nearest = np.where(is_nearer, distance, nearest)
            tiles = np.where(is_nearer, row * columns + column, tiles)
    return tiles, (second - nearest < 0.18).astype(np.float32)


def _tint(hue: float, is_letter: bool, rng: random.Random) -> list[float]:
    value = rng.uniform(0.2, 0.5) if is_letter else rng.uniform(0.75, 1.0)
    saturation = rng.uniform(0.4, 0.8) if is_letter else rng.uniform(0.05, 0.35)
    turned = hue + (0.5 if is_letter else 0) + rng.uniform(-0.06, 0.06)
    return [255 * part for part in colorsys.hsv_to_rgb(turned % 1, saturation, value)]


if __name__ == "__main__":
    run(draw)
