"""The renderer of the synthetic style."""

from __future__ import annotations

import random

from PIL import Image

from generator_service.synthetic.background import draw_background
from generator_service.synthetic.colours import draw_palette
from generator_service.synthetic.distortion import degrade, warp
from generator_service.synthetic.distractors import draw_distractors
from generator_service.synthetic.options import SyntheticOptions
from generator_service.synthetic.painting import paint_text
from generator_service.synthetic.text_layer import lay_out

_RESIZED_FRACTION = 0.35
_RESAMPLING = (
    Image.Resampling.BICUBIC, Image.Resampling.BILINEAR, Image.Resampling.NEAREST
)  # fmt: skip


def render_synthetic(
    text: str,
    size: tuple[int, int],
    fonts: tuple[str, ...],
    options: SyntheticOptions,
    rng: random.Random,
) -> Image.Image:
    """Return an RGB image of a text in a random design.

    Args:
        text: what the image shows; empty for the background and the distractors alone.
        size: width and height in pixels.
        fonts: font files that contain all characters.
        options: limits of the effects.
        rng: determines the image.
    """
    if rng.random() >= _RESIZED_FRACTION:
        return _render(text, size, fonts, options, rng)
    # As if another program had drawn it in its own size.
    drawn = (round(size[0] * rng.uniform(0.5, 1.6)), round(size[1] * rng.uniform(0.5, 1.6)))
    return _change_size(_render(text, drawn, fonts, options, rng), size, rng)


def _render(
    text: str,
    size: tuple[int, int],
    fonts: tuple[str, ...],
    options: SyntheticOptions,
    rng: random.Random,
) -> Image.Image:
    palette = draw_palette(rng, options.inverted_fraction)
    ink = palette.draw_ink(rng)
    image = draw_background(size, palette, rng)
    is_behind = rng.random() < 0.4
    if is_behind:
        draw_distractors(image, palette, ink, options, rng)
    if text:
        glyphs = lay_out(text, fonts, size, options, rng)
        image = paint_text(image, glyphs, palette, ink, rng)
    if not is_behind or rng.random() < 0.2:
        draw_distractors(image, palette, ink, options, rng)
    return degrade(warp(image, options, rng), options, rng)


def _change_size(image: Image.Image, size: tuple[int, int], rng: random.Random) -> Image.Image:
    """Return an image in another size: stretched, or with its proportions and padded."""
    resample = rng.choice(_RESAMPLING)
    if rng.random() < 0.5:
        return image.resize(size, resample)
    scale = min(size[0] / image.width, size[1] / image.height)
    image = image.resize(
        (max(1, round(image.width * scale)), max(1, round(image.height * scale))), resample
    )
    padded = Image.new("RGB", size, image.getpixel((0, 0)))
    padded.paste(image, ((size[0] - image.width) // 2, (size[1] - image.height) // 2))
    return padded
