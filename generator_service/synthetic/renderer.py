"""The renderer of the synthetic style."""

from __future__ import annotations

import random

from PIL import Image, ImageChops

from generator_service.synthetic.background import draw_background
from generator_service.synthetic.colours import Palette, draw_palette
from generator_service.synthetic.distortion import degrade, warp
from generator_service.synthetic.distractors import draw_distractors
from generator_service.synthetic.options import SyntheticOptions
from generator_service.synthetic.text_layer import PlacedGlyph, lay_out


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
    if rng.random() >= options.resized_fraction:
        return _render(text, size, fonts, options, rng)
    # As if another program had drawn it in its own size.
    width, height = size
    drawn = (round(width * rng.uniform(0.6, 1.6)), round(height * rng.uniform(0.6, 1.6)))
    image = _render(text, drawn, fonts, options, rng)
    resample = rng.choice((Image.Resampling.BICUBIC, Image.Resampling.BILINEAR))
    if rng.random() < 0.5:
        return image.resize(size, resample)
    scale = min(width / drawn[0], height / drawn[1])
    image = image.resize(
        (max(1, round(drawn[0] * scale)), max(1, round(drawn[1] * scale))), resample
    )
    padded = Image.new("RGB", size, image.getpixel((0, 0)))
    padded.paste(image, ((width - image.width) // 2, (height - image.height) // 2))
    return padded


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
        _paste(image, glyphs, palette, ink, rng)
    if not is_behind or rng.random() < 0.2:
        draw_distractors(image, palette, ink, options, rng)
    return degrade(warp(image, options, rng), options, rng)


def _paste(
    image: Image.Image,
    glyphs: list[PlacedGlyph],
    palette: Palette,
    ink: tuple[int, int, int],
    rng: random.Random,
) -> None:
    has_shadow = rng.random() < 0.06
    if has_shadow:
        shadow = palette.draw_any(rng)
        dx, dy = rng.choice((-2, -1, 1, 2)), rng.choice((-1, 1, 2))
        for glyph in glyphs:
            image.paste(shadow, (glyph.left + dx, glyph.top + dy), glyph.mask)
    has_one_colour = rng.random() < 0.65
    opacity = rng.uniform(0.6, 1) if rng.random() < 0.15 else 1
    for glyph in glyphs:
        mask = (
            glyph.mask
            if opacity == 1
            else ImageChops.multiply(
                glyph.mask, Image.new("L", glyph.mask.size, int(255 * opacity))
            )
        )
        colour = ink if has_one_colour else palette.draw_ink(rng)
        image.paste(colour, (glyph.left, glyph.top), mask)
