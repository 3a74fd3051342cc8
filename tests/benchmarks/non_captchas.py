"""Confidence of a model version on images that show no captcha, or another one than expected.

`python -m tests.benchmarks.non_captchas shared/bundled/0` prints the fraction of images with a
confidence above 0.5, with the prediction restricted to four digits.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import matplotlib.cbook
import numpy as np
import numpy.typing as npt
from PIL import Image

from shared.captchas.restriction import Restriction, predict_texts
from shared.captchas.spec import CaptchaSpec
from tests.benchmarks.fresh_captchas import SEED, load, render_split
from tests.benchmarks.page import format_table
from trainer.data.non_captchas import draw_non_captchas

EXPECTED = CaptchaSpec()
LETTERS = CaptchaSpec("ABCDEFGHJKLMNPQRSTUVWXYZ", 4)


def list_images(count: int) -> dict[str, npt.NDArray[np.uint8]]:
    """Return images of each kind, uint8 (count, 60, 160)."""
    rng = np.random.default_rng(SEED)
    captchas = render_split(EXPECTED, SEED, 0, 200).images[:]
    return {
        "flat, noise, clouds, shapes, patterns, shuffled captchas": draw_non_captchas(
            count, captchas, rng
        ),
        "parts of a photo": crop_photo(count, rng),
        "captchas of four letters": render_split(LETTERS, SEED, 0, count).images[:],
    }


def crop_photo(count: int, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Return random parts of the photo that matplotlib includes."""
    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        photo = Image.open(file).convert("L")
    images = np.empty((count, EXPECTED.height, EXPECTED.width), np.uint8)
    for row in range(count):
        width = int(rng.uniform(80, photo.width))
        height = round(width * EXPECTED.height / EXPECTED.width)
        left, top = rng.integers(photo.width - width + 1), rng.integers(photo.height - height + 1)
        part = photo.crop((left, top, left + width, top + height))
        images[row] = np.asarray(part.resize((EXPECTED.width, EXPECTED.height)))
    return images


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the options, predict and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version", type=Path, help="for example shared/bundled/0")
    parser.add_argument("--images", type=int, default=3_000, help="of each kind")
    options = parser.parse_args(arguments)
    model = load(options.version)
    rows = []
    for kind, images in list_images(options.images).items():
        predictions = predict_texts(
            model.engine.predict(images), model.spec, Restriction.from_spec(EXPECTED)
        )
        fraction = float((predictions.confidences > 0.5).mean())
        rows.append((kind, f"{len(images):,}", f"{fraction:.2%}"))
    print(format_table(("images", "n", "confidence above 0.5"), rows))


if __name__ == "__main__":
    main()
