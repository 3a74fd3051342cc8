"""How the text of a synthetic captcha is painted: colours, outline, shadow, hatching, inversion."""

from __future__ import annotations

import random

from PIL import Image, ImageChops

from generator_service.synthetic.colours import Colour, Palette
from generator_service.synthetic.patterns import draw_hatching, draw_regions
from generator_service.synthetic.text_layer import PlacedGlyph

_SHADOW_FRACTION = 0.1
_TRANSLUCENT_FRACTION = 0.15
_HATCHED_FRACTION = 0.07
_SWAPPED_FRACTION = 0.06


def paint_text(
    image: Image.Image,
    glyphs: list[PlacedGlyph],
    palette: Palette,
    ink: Colour,
    rng: random.Random,
) -> Image.Image:
    """Paint the characters into an RGB image.

    Args:
        image: the background; it may be changed.
        glyphs: the characters.
        palette: colours of the captcha.
        ink: colour of the text.
        rng: source of random numbers.

    Returns:
        The image with the text.
    """
    if rng.random() < _SHADOW_FRACTION:
        _paint_shadow(image, glyphs, palette, ink, rng)
    has_one_colour = rng.random() < 0.65
    opacity = rng.uniform(0.6, 1) if rng.random() < _TRANSLUCENT_FRACTION else 1.0
    pattern = draw_hatching(image.size, rng) if rng.random() < _HATCHED_FRACTION else None
    fill = rng.choice((palette.background, (255, 255, 255), palette.draw_any(rng)))
    inks = [ink if has_one_colour else palette.draw_ink(rng) for _ in glyphs]
    is_swapped = rng.random() < _SWAPPED_FRACTION
    swapped = Image.new("RGB", image.size, ink) if is_swapped else None
    for glyph, colour in zip(glyphs, inks, strict=True):
        mask = glyph.mask.whole
        if opacity < 1:
            mask = mask.point(lambda value: int(value * opacity))
        if pattern:
            box = (glyph.left, glyph.top, glyph.left + mask.width, glyph.top + mask.height)
            mask = ImageChops.multiply(mask, pattern.crop(box))
        image.paste(colour, (glyph.left, glyph.top), mask)
        if swapped:
            swapped.paste(palette.background, (glyph.left, glyph.top), mask)
        if glyph.mask.inside:
            image.paste(fill, (glyph.left, glyph.top), glyph.mask.inside)
    if swapped:
        image = Image.composite(swapped, image, draw_regions(image.size, rng))
    return image


def _paint_shadow(
    image: Image.Image,
    glyphs: list[PlacedGlyph],
    palette: Palette,
    ink: Colour,
    rng: random.Random,
) -> None:
    """Paint the characters once or several times beside their place."""
    colour = palette.draw_any(rng) if rng.random() < 0.6 else ink
    step_x, step_y = rng.choice((-1, 1)), rng.choice((-1, 0, 1))
    depth = rng.randint(1, 4)
    for distance in range(depth, 0, -1) if rng.random() < 0.5 else (depth,):
        for glyph in glyphs:
            place = (glyph.left + distance * step_x, glyph.top + distance * step_y)
            image.paste(colour, place, glyph.mask.whole)
