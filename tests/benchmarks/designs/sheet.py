"""The picture docs/designs.png: a row with six examples for each design.

`python -m tests.benchmarks.designs.sheet` draws it, with the first of the test pictures.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from tests.benchmarks.designs.__main__ import CACHE
from tests.benchmarks.designs.catalogue import DESIGNS
from tests.benchmarks.designs.pictures import TEST_SEED, load
from tests.benchmarks.processes import ROOT

EXAMPLES = 6
CELL = (160, 60)
NAME_WIDTH = 170
GAP = 6


def draw_sheet(examples: Mapping[str, Sequence[bytes]]) -> Image.Image:
    """Return a row per design: its name, and its pictures scaled to fit a cell."""
    width = NAME_WIDTH + EXAMPLES * (CELL[0] + GAP)
    sheet = Image.new("RGB", (width, len(examples) * (CELL[1] + GAP) + GAP), "silver")
    font = ImageFont.load_default(13)
    for row, (name, files) in enumerate(examples.items()):
        top = GAP + row * (CELL[1] + GAP)
        ImageDraw.Draw(sheet).text((GAP, top + 22), name, fill="black", font=font)
        for column, file in enumerate(files):
            with Image.open(io.BytesIO(file)) as image:
                scale = min(CELL[0] / image.width, CELL[1] / image.height)
                size = (round(image.width * scale), round(image.height * scale))
                picture = image.resize(size, Image.Resampling.LANCZOS)
            left = NAME_WIDTH + column * (CELL[0] + GAP) + (CELL[0] - size[0]) // 2
            sheet.paste(picture, (left, top + (CELL[1] - size[1]) // 2))
    return sheet.quantize(256, dither=Image.Dither.NONE)


def main() -> None:
    """Read the options and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=CACHE)
    options = parser.parse_args()
    examples = {
        design.name: load(design, EXAMPLES, TEST_SEED, options.cache).files for design in DESIGNS
    }
    draw_sheet(examples).save(ROOT / "docs" / "designs.png", optimize=True)


if __name__ == "__main__":
    main()
