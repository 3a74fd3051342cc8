"""Image renderer: the image of a text in the style of the spec."""

from __future__ import annotations

import io
from typing import assert_never

from PIL import Image

from generator_service.history.crowded import render_crowded
from generator_service.history.gimpy import render_gimpy
from generator_service.history.line import render_line
from generator_service.rendering.library_renderer import render_with_library
from generator_service.rendering.render_options import RenderOptions
from generator_service.rendering.seeded_random import SeededRandom
from generator_service.synthetic.renderer import render_synthetic
from shared.captchas.images import GreyImage, to_grey
from shared.captchas.spec import CaptchaSpec

_random = SeededRandom()


def render_image(
    spec: CaptchaSpec, options: RenderOptions, text: str, seed: int, index: int
) -> Image.Image:
    """Return the RGB image of a text.

    Args:
        spec: size and rendering style.
        options: fonts and effects.
        text: what the image shows.
        seed: with `index`, determines colours, positions and distortion.
        index: position of the captcha in the dataset of the seed.

    Raises:
        SpecError: if the text does not match the spec.
    """
    spec.check_text(text)
    style, fonts, size = spec.style, options.synthetic_fonts, (spec.width, spec.height)
    match style:
        case "current" | "classic" | "vintage":
            return render_with_library(spec, options.choose_fonts(spec.effects), text, seed, index)
        case "synthetic":
            rng = _random.reseed(style, seed, index)
            return render_synthetic(text, size, fonts, options.synthetic, rng)
        case "gimpy":
            return render_gimpy(text, size, fonts, _random.reseed(style, seed, index))
        case "line":
            return render_line(text, size, fonts, _random.reseed(style, seed, index))
        case "crowded":
            return render_crowded(text, size, fonts, _random.reseed(style, seed, index))
        case _:
            assert_never(style)


def render_png(
    spec: CaptchaSpec, options: RenderOptions, text: str, seed: int, index: int
) -> bytes:
    """Return `render_image` as PNG, encoded as the library's `generate()` does."""
    out = io.BytesIO()
    render_image(spec, options, text, seed, index).save(out, format="png")
    return out.getvalue()


def render_grey(
    spec: CaptchaSpec, options: RenderOptions, text: str, seed: int, index: int
) -> GreyImage:
    """Return grey pixels, uint8 (height, width), equal to those that `decode_image` returns."""
    return to_grey(render_image(spec, options, text, seed, index))
