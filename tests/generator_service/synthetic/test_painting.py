from __future__ import annotations

import random

import numpy as np
from PIL import Image

from generator_service.synthetic.colours import Palette
from generator_service.synthetic.glyph_masks import GlyphMask
from generator_service.synthetic.painting import paint_text
from generator_service.synthetic.text_layer import PlacedGlyph

PALETTE = Palette((255, 255, 255), is_dark=False, min_contrast=60, is_grey=True)
SIZE = (40, 20)
GLYPH = PlacedGlyph(GlyphMask(Image.new("L", (10, 10), 255)), 5, 5)
OUTLINE = PlacedGlyph(GlyphMask(Image.new("L", (10, 10), 255), Image.new("L", (10, 10), 255)), 5, 5)


def paint(glyph: PlacedGlyph, seed: int) -> np.ndarray:
    image = Image.new("RGB", SIZE, PALETTE.background)
    painted = paint_text(image, [glyph], PALETTE, (0, 0, 0), random.Random(seed))
    assert (painted.size, painted.mode) == (SIZE, "RGB")
    return np.asarray(painted)


def test_most_characters_are_painted_in_one_colour_on_an_unchanged_background() -> None:
    plain = 0
    for seed in range(200):
        pixels = paint(GLYPH, seed)
        inside = pixels[5:15, 5:15].reshape(-1, 3)
        outside = pixels[:, 20:].reshape(-1, 3)
        plain += len(np.unique(inside, axis=0)) == 1 and (outside == 255).all()
    assert 120 < plain < 190


def test_in_some_captchas_ink_and_background_are_swapped() -> None:
    swapped = [seed for seed in range(300) if (paint(GLYPH, seed)[:, 20:] == 0).all(axis=2).any()]
    assert 5 < len(swapped) < 40


def test_the_area_within_an_outline_is_filled_with_a_colour_of_its_own() -> None:
    white = sum((paint(OUTLINE, seed)[6:14, 6:14] == 255).all() for seed in range(200))
    assert white > 80


def test_the_same_random_numbers_paint_the_same_image() -> None:
    assert all(np.array_equal(paint(GLYPH, seed), paint(GLYPH, seed)) for seed in range(20))
