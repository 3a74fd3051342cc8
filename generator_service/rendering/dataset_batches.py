"""Batches of a dataset: consecutive captchas of a seed, rendered in one worker process."""

from __future__ import annotations

import numpy as np

from generator_service.rendering.captcha_text import generate_text
from generator_service.rendering.image_renderer import render_grey, render_png
from generator_service.rendering.render_options import RenderOptions
from shared.captchas.spec import CaptchaSpec


def render_grey_batch(
    spec: CaptchaSpec, options: RenderOptions, seed: int, start: int, stop: int
) -> bytes:
    """Return the grey pixels of captchas start..stop-1, uint8 (N, height, width), row-major."""
    images = np.empty((stop - start, spec.height, spec.width), np.uint8)
    for row, index in enumerate(range(start, stop)):
        images[row] = render_grey(spec, options, generate_text(spec, seed, index), seed, index)
    return images.tobytes()


def render_png_batch(
    spec: CaptchaSpec, options: RenderOptions, seed: int, start: int, stop: int
) -> list[tuple[str, bytes]]:
    """Return captchas start..stop-1 as (text, PNG) pairs."""
    texts = [generate_text(spec, seed, index) for index in range(start, stop)]
    return [
        (text, render_png(spec, options, text, seed, index))
        for index, text in enumerate(texts, start)
    ]
