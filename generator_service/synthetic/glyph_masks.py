"""Glyph masks: the characters of a font file at a reference size, rendered once per process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

REFERENCE_PX = 48
"""Font size of the masks. They are scaled down, so it is the largest size that is needed."""
_MARGIN_PX = 4
# About 30 kB per font and 5 kB per mask: 70 MB in each process at most.
_CACHED_FONTS = 1_024
_CACHED_MASKS = 8_000


@lru_cache(_CACHED_FONTS)
def load_font(file: str) -> ImageFont.FreeTypeFont:
    """Return a font at the reference size."""
    return ImageFont.truetype(file, REFERENCE_PX, layout_engine=ImageFont.Layout.BASIC)


@dataclass(frozen=True)
class GlyphMask:
    """The coverage of a character.

    Attributes:
        whole: what is painted, mode L.
        inside: the area within its outline, mode L and of the same size; None without an outline.
    """

    whole: Image.Image
    inside: Image.Image | None = None

    def apply(self, change: Callable[[Image.Image], Image.Image]) -> GlyphMask:
        """Return the mask with both images changed in the same way."""
        return GlyphMask(change(self.whole), change(self.inside) if self.inside else None)


@lru_cache(_CACHED_MASKS)
def render_mask(file: str, character: str, stroke_px: int, outline_px: int) -> GlyphMask:
    """Return the mask of a character, cropped at the sides.

    The height is that of a line of the font, so that characters on one baseline stay there.

    Args:
        file: path of the font.
        character: the character.
        stroke_px: by how much its strokes are made wider on each side.
        outline_px: width of an outline around it; 0 for none.
    """
    font = load_font(file)
    ascent, descent = font.getmetrics()
    height = min(ascent + descent, 2 * REFERENCE_PX) + 2 * _MARGIN_PX
    size = int(font.getlength(character)) + REFERENCE_PX, height

    def draw(stroke: int) -> Image.Image:
        mask = Image.new("L", size)
        origin = (REFERENCE_PX // 2, _MARGIN_PX)
        ImageDraw.Draw(mask).text(origin, character, font=font, fill=255, stroke_width=stroke)
        return mask

    whole = draw(stroke_px + outline_px)
    mask = GlyphMask(whole, draw(stroke_px) if outline_px else None)
    box = whole.getbbox()
    return mask.apply(lambda image: image.crop((box[0], 0, box[2], height))) if box else mask
