"""Folders of labelled images for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def write_images(folder: Path, count: int, seed: int = 0, size: tuple[int, int] = (40, 20)) -> None:
    """Write noise with random labels of four digits."""
    rng = np.random.default_rng(seed)
    width, height = size
    for i in range(count):
        pixels = rng.integers(0, 256, (height, width), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{rng.integers(10_000):04}_{seed}-{i}.png")
