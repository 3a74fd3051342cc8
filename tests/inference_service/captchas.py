"""Captchas that `BandEngine` reads: each character is a vertical band of one grey level.

So the tests of the service depend neither on a trained model nor on a renderer.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from inference_service.requests.request_body import MAX_INLINE_BYTES
from shared.captchas.images import GreyImage
from shared.captchas.labels import encode
from shared.captchas.spec import CaptchaSpec


@dataclass(frozen=True)
class Captcha:
    """One captcha in the forms that tests need."""

    text: str
    image: GreyImage

    @property
    def png(self) -> bytes:
        out = io.BytesIO()
        Image.fromarray(self.image).save(out, "png")
        return out.getvalue()

    @property
    def json(self) -> dict[str, str]:
        """The JSON body of `POST /predict`."""
        return {"image": base64.b64encode(self.png).decode()}

    @property
    def large_json(self) -> dict[str, str]:
        """A body that is too large for the event loop, so that the worker thread predicts it."""
        return {**self.json, "other": "x" * MAX_INLINE_BYTES}


def draw(text: str, spec: CaptchaSpec) -> Captcha:
    """Return the captcha of a text; the bands after its end have the level of the end class."""
    levels = encode([text], spec)[0] * 255 / (spec.classes - 1)
    band_of_column = np.arange(spec.width) * spec.length // spec.width
    row = np.round(levels)[band_of_column].astype(np.uint8)
    return Captcha(text, np.tile(row, (spec.height, 1)))


def draw_captchas(spec: CaptchaSpec, seed: int, count: int) -> list[Captcha]:
    """Return captchas with random texts of every length."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(spec.shortest, spec.length, count, endpoint=True)
    texts = ["".join(rng.choice(list(spec.charset), length)) for length in lengths]
    return [draw(text, spec) for text in texts]


def stack(captchas: list[Captcha]) -> npt.NDArray[np.uint8]:
    """Return the images as uint8 (N, height, width)."""
    return np.stack([captcha.image for captcha in captchas])
