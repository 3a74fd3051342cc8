"""The text of a synthetic captcha: the mask of each character, and where it goes."""

from __future__ import annotations

import random
from dataclasses import dataclass

from generator_service.synthetic.glyph_masks import REFERENCE_PX, GlyphMask
from generator_service.synthetic.glyph_shapes import GlyphShape, draw_shapes
from generator_service.synthetic.options import SyntheticOptions, draw_strength

_MARGIN_PX = 2
# Font size as a fraction of the image height.
_MIN_SIZE, _MAX_SIZE = 0.45, 0.95
_MAX_SPACING = 0.4  # as a fraction of the font size
_MAX_COVERED = 0.75  # as a fraction of the width of a character
# Average width of a character as a fraction of the font size, for the first guess of the scale.
_TYPICAL_WIDTH = 0.6
# Text that does not fit at a font size of 2 pixels is cut off.
_MIN_SCALE = 2 / REFERENCE_PX


@dataclass(frozen=True)
class PlacedGlyph:
    """The coverage of one character, and the position of its upper left corner."""

    mask: GlyphMask
    left: int
    top: int


@dataclass(frozen=True)
class _Line:
    """The characters of a text at their final size.

    Attributes:
        masks: coverage of each character.
        gap_px: space between characters; overlap if negative.
        on_baseline: whether the masks have the height of a text line, with a common baseline.
    """

    masks: list[GlyphMask]
    gap_px: float
    on_baseline: bool

    def list_gaps(self, extra_px: float = 0.0) -> list[float]:
        """Return the space after each character but the last, in pixels.

        At least a quarter of a character stays visible. Narrow ones could otherwise change places.
        """
        gap_px = self.gap_px + extra_px
        return [max(gap_px, -_MAX_COVERED * mask.whole.width) for mask in self.masks[:-1]]

    @property
    def width(self) -> float:
        """The width in pixels."""
        return sum(mask.whole.width for mask in self.masks) + sum(self.list_gaps())


def lay_out(
    text: str,
    fonts: tuple[str, ...],
    size: tuple[int, int],
    options: SyntheticOptions,
    rng: random.Random,
) -> list[PlacedGlyph]:
    """Return the characters of a text, placed in an image.

    Args:
        text: what the captcha shows, at least one character.
        fonts: font files to choose from.
        size: width and height of the image in pixels.
        options: limits of the effects.
        rng: source of random numbers.
    """
    shapes = draw_shapes(text, fonts, options, rng)
    return _place(_fit(shapes, size, options, rng), size, rng)


def _fit(
    shapes: list[GlyphShape], size: tuple[int, int], options: SyntheticOptions, rng: random.Random
) -> _Line:
    """Return the characters in a random font size, or in a smaller one that fits the image."""
    width, height = size
    # On one baseline, or each character centred on its own.
    on_baseline = rng.random() < 0.6
    scale = rng.uniform(_MIN_SIZE, _MAX_SIZE) * height / REFERENCE_PX
    scale = min(scale, width / (_TYPICAL_WIDTH * len(shapes) * REFERENCE_PX))
    if rng.random() < 0.5:
        gap = draw_strength(rng, _MAX_SPACING)
    else:
        gap = -draw_strength(rng, options.max_overlap)
    available = width - 2 * _MARGIN_PX
    while True:
        masks = [_crop(shape.render(scale), on_baseline) for shape in shapes]
        line = _Line(masks, gap * scale * REFERENCE_PX, on_baseline)
        tallest = max(mask.whole.height for mask in masks)
        fits = line.width <= available and (on_baseline or tallest <= height)
        if fits or scale <= _MIN_SCALE:
            return line
        shrink = min(available / line.width, 1 if on_baseline else height / tallest)
        scale = max(scale * shrink * 0.98, _MIN_SCALE)


def _crop(mask: GlyphMask, on_baseline: bool) -> GlyphMask:
    box = mask.whole.getbbox()
    if box is None:
        return mask
    if on_baseline:
        box = (box[0], 0, box[2], mask.whole.height)
    return mask.apply(lambda image: image.crop(box))


def _place(line: _Line, size: tuple[int, int], rng: random.Random) -> list[PlacedGlyph]:
    width, height = size
    free_x = max(0.0, width - 2 * _MARGIN_PX - line.width)
    position = rng.choice((0.5, 0.5, 0.0, rng.random()))
    stretch = rng.random() if rng.random() < 0.3 else 0.0  # spreads the text over the width
    gaps = line.list_gaps(stretch * free_x / max(1, len(line.masks)))
    left = _MARGIN_PX + (1 - stretch) * position * free_x
    jitter = draw_strength(rng, 0.2) * height
    slope = draw_strength(rng, 0.25) * rng.choice((-1, 1))
    common = rng.uniform(-0.1, 0.1) * height
    placed = []
    for mask, gap_px in zip(line.masks, [*gaps, 0.0], strict=True):
        offset = common + rng.uniform(-jitter, jitter) + slope * (left - width / 2) * 0.3
        if not line.on_baseline:
            free_y = max(0, height - mask.whole.height)
            offset = max(-free_y / 2, min(free_y / 2, offset))
        top = (height - mask.whole.height) / 2 + offset
        placed.append(PlacedGlyph(mask, round(left), round(top)))
        left += mask.whole.width + gap_px
    return placed
