"""PyPI `wheezy.captcha` with the drawings of its documentation."""

from __future__ import annotations

import random

from PIL import Image

from tests.benchmarks.designs.programs.command import run


def draw(text: str, fonts: list[str], rng: random.Random) -> Image.Image:
    from wheezy.captcha import image

    letters = image.text(fonts, drawings=[image.warp(), image.rotate(), image.offset()])
    drawings = [image.background(), letters, image.curve(), image.noise(), image.smooth()]
    return image.captcha(drawings)(text)


if __name__ == "__main__":
    run(draw)
