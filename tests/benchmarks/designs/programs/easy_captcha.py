"""PyPI `easy-captcha-python`, a port of the Java library EasyCaptcha, with its default options."""

from __future__ import annotations

import io
import random
import secrets

from PIL import Image

from tests.benchmarks.designs.programs.command import run


def draw(text: str, fonts: list[str], rng: random.Random) -> Image.Image:
    from easy_captcha import SpecCaptcha

    secrets.randbelow = rng.randrange  # so that a seed determines the pictures
    captcha = SpecCaptcha(length=len(text))
    captcha._chars = text
    out = io.BytesIO()
    captcha.out(out)
    return Image.open(out)


if __name__ == "__main__":
    run(draw)
