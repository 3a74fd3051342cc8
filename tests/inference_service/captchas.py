"""Captchas with their texts."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from generator_service.captcha_text import generate_text
from generator_service.image_renderer import render_png
from shared.images import GreyImage, decode_image
from shared.spec import CaptchaSpec


@dataclass(frozen=True)
class Captcha:
    """One captcha in the forms that tests need."""

    text: str
    png: bytes
    image: GreyImage

    @property
    def json(self) -> dict[str, str]:
        """The JSON body of `POST /predict`."""
        return {"image": base64.b64encode(self.png).decode()}


def render_captchas(spec: CaptchaSpec, seed: int, count: int) -> list[Captcha]:
    """Return captchas 0..count-1 of a seed."""
    captchas = []
    for i in range(count):
        text = generate_text(spec, seed, i)
        png = render_png(spec, (), text, seed, i)
        captchas.append(Captcha(text, png, decode_image(png, spec)))
    return captchas


def stack(captchas: list[Captcha]) -> npt.NDArray[np.uint8]:
    """Return the images as uint8 (N, height, width)."""
    return np.stack([captcha.image for captcha in captchas])
