"""The text of a synthetic captcha: one transformed mask per character, and where it goes."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from PIL import Image

from generator_service.synthetic.glyph_masks import REFERENCE_PX, render_mask
from generator_service.synthetic.options import SyntheticOptions, draw_strength

_MARGIN_PX = 2
# Average width of a character as a fraction of the font size, for the first guess of the scale.
_TYPICAL_WIDTH = 0.6


@dataclass(frozen=True)
class PlacedGlyph:
    """The coverage of one character, mode L, and the position of its upper left corner."""

    mask: Image.Image
    left: int
    top: int


@dataclass(frozen=True)
class _Shape:
    """A character with the transformation that a captcha applies to it."""

    mask: Image.Image
    angle: float
    shear: float
    scale: float

    def render(self, scale: float) -> Image.Image:
        """Return the transformed mask; scale 1 is the reference size."""
        scale *= self.scale
        cos, sin = math.cos(self.angle) * scale, math.sin(self.angle) * scale
        a, b = cos, self.shear * cos - sin  # new x = a x + b y
        c, d = sin, self.shear * sin + cos  # new y = c x + d y
        width, height = self.mask.size
        new_width = math.ceil(abs(a) * width + abs(b) * height) + 2
        new_height = math.ceil(abs(c) * width + abs(d) * height) + 2
        determinant = a * d - b * c
        # Pillow maps new pixels to old ones; both centres coincide.
        ia, ib, ic, id_ = (v / determinant for v in (d, -b, -c, a))
        x, y = new_width / 2, new_height / 2
        matrix = (ia, ib, width / 2 - ia * x - ib * y, ic, id_, height / 2 - ic * x - id_ * y)
        return self.mask.transform(
            (new_width, new_height), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
        )


def lay_out(
    text: str,
    fonts: tuple[str, ...],
    size: tuple[int, int],
    options: SyntheticOptions,
    rng: random.Random,
) -> list[PlacedGlyph]:
    """Return the characters of a text, placed in an image of this size.

    Args:
        text: what the captcha shows.
        fonts: font files to choose from.
        size: width and height in pixels.
        options: limits of the effects.
        rng: source of random numbers.
    """
    width, height = size
    shapes = _draw_shapes(text, fonts, options, rng)
    # On one baseline, or each character centred on its own.
    has_baseline = rng.random() < 0.6
    low, high = sorted((options.min_size, options.max_size))
    scale = rng.uniform(low, high) * height / REFERENCE_PX
    scale = min(scale, width / (_TYPICAL_WIDTH * len(text) * REFERENCE_PX))
    if rng.random() < 0.5:
        gap = draw_strength(rng, options.max_spacing)
    else:
        gap = -draw_strength(rng, options.max_overlap)
    available = width - 2 * _MARGIN_PX
    while True:
        masks = [_crop(shape.render(scale), has_baseline) for shape in shapes]
        gap_px = gap * scale * REFERENCE_PX
        total = sum(mask.width for mask in masks) + gap_px * (len(masks) - 1)
        tallest = max(mask.height for mask in masks)
        if total <= available and (has_baseline or tallest <= height):
            break
        scale *= min(available / total, 1 if has_baseline else height / tallest) * 0.98
    return _place(masks, gap_px, total, size, has_baseline, rng)


def _draw_shapes(
    text: str, fonts: tuple[str, ...], options: SyntheticOptions, rng: random.Random
) -> list[_Shape]:
    chosen = [rng.choice(fonts) for _ in range(rng.randint(1, options.fonts_per_captcha))]
    rotation = math.radians(draw_strength(rng, options.max_rotation_deg))
    shear = draw_strength(rng, options.max_shear)
    common_shear = rng.uniform(-shear, shear) if rng.random() < 0.5 else None
    size_change = draw_strength(rng, 0.25)
    outline = rng.random() < options.outline_fraction
    stroke_px = rng.choice((0, 0, 0, 0, 1, 2))
    return [
        _Shape(
            render_mask(rng.choice(chosen), character, stroke_px, outline),
            rng.uniform(-rotation, rotation),
            rng.uniform(-shear, shear) if common_shear is None else common_shear,
            1 - rng.random() * size_change,
        )
        for character in text
    ]


def _crop(mask: Image.Image, has_baseline: bool) -> Image.Image:
    box = mask.getbbox()
    if box is None:
        return mask
    return mask.crop((box[0], 0, box[2], mask.height) if has_baseline else box)


def _place(
    masks: list[Image.Image],
    gap_px: float,
    total_px: float,
    size: tuple[int, int],
    has_baseline: bool,
    rng: random.Random,
) -> list[PlacedGlyph]:
    width, height = size
    free_x = max(0.0, width - 2 * _MARGIN_PX - total_px)
    position = rng.choice((0.5, 0.5, 0.0, rng.random()))
    left = _MARGIN_PX + position * free_x
    stretch = rng.random() if rng.random() < 0.3 else 0.0  # spreads the text over the width
    gap_px += stretch * free_x / max(1, len(masks))
    if stretch:
        left = _MARGIN_PX + (1 - stretch) * position * free_x
    jitter = draw_strength(rng, 0.2) * height
    slope = draw_strength(rng, 0.25) * rng.choice((-1, 1))
    common = rng.uniform(-0.1, 0.1) * height
    placed = []
    for mask in masks:
        free_y = max(0.0, height - (mask.getbbox() or (0, 0, 0, mask.height))[3])
        middle = (height - mask.height) / 2
        offset = common + rng.uniform(-jitter, jitter) + slope * (left - width / 2) * 0.3
        if not has_baseline:
            offset = max(-free_y / 2, min(free_y / 2, offset))
        placed.append(PlacedGlyph(mask, round(left), round(middle + offset)))
        left += mask.width + gap_px
    return placed
