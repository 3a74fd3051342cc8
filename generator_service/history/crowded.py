"""The style `crowded`: letters that touch and overlap.

Several large sites used crowding against segmentation: Bursztein, Martin and Mitchell, "Text-based
CAPTCHA Strengths and Weaknesses", 2011.
"""

from __future__ import annotations

import itertools
import math
import random

from PIL import Image

from generator_service.history.lettering import (
    draw_character,
    draw_colour,
    join,
    measure_gap,
    place,
)

_MAX_ANGLE = math.radians(12)
_MAX_SHEAR = 0.15
_MIN_OVERLAP_PX, _MAX_OVERLAP_PX = 1.0, 3.5  # at a font size of 48 pixels
_MAX_OFFSET_PX = 4.0
_FILL = (0.94, 0.8)


def render_crowded(
    text: str, size: tuple[int, int], fonts: tuple[str, ...], rng: random.Random
) -> Image.Image:
    """Return an RGB image of a text.

    Args:
        text: what the image shows, at least one character.
        size: width and height in pixels.
        fonts: font files that contain all characters.
        rng: determines the image.
    """
    font = rng.choice(fonts)
    masks = [
        draw_character(
            font,
            character,
            rng.uniform(-_MAX_ANGLE, _MAX_ANGLE),
            rng.uniform(-_MAX_SHEAR, _MAX_SHEAR),
        )
        for character in text
    ]
    gaps = [
        -measure_gap(left, right) - rng.uniform(_MIN_OVERLAP_PX, _MAX_OVERLAP_PX)
        for left, right in itertools.pairwise(masks)
    ]
    offsets = [rng.uniform(-_MAX_OFFSET_PX, _MAX_OFFSET_PX) for _ in masks]
    image = Image.new("RGB", size, draw_colour(rng, 215, 255))
    image.paste(
        draw_colour(rng, 0, 110), (0, 0), place(join(masks, gaps, offsets), size, _FILL, rng)
    )
    return image
