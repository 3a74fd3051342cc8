"""Glyph masks: the characters of a font file at a reference size, rendered once per process."""

from __future__ import annotations

from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

REFERENCE_PX = 48
"""Font size of the masks. They are scaled down, so it is the largest size that is needed."""
_MARGIN_PX = 4
_OUTLINE_PX = 2
# About 30 kB per font and 3 kB per mask: 80 MB in each process at most.
_CACHED_FONTS = 1_024
_CACHED_MASKS = 16_000


@lru_cache(_CACHED_FONTS)
def load_font(file: str) -> ImageFont.FreeTypeFont:
    """Return a font at the reference size."""
    return ImageFont.truetype(file, REFERENCE_PX, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(_CACHED_MASKS)
def render_mask(file: str, character: str, stroke_px: int | None) -> Image.Image:
    """Return the coverage of a character, mode L, cropped at the sides.

    The height is that of a line of the font, so that characters on one baseline stay there.

    Args:
        file: path of the font.
        character: the character.
        stroke_px: by how much its strokes are made wider on each side; None draws its outline.
    """
    font = load_font(file)
    ascent, descent = font.getmetrics()
    height = min(ascent + descent, 2 * REFERENCE_PX) + 2 * _MARGIN_PX
    width = int(font.getlength(character)) + REFERENCE_PX
    mask = Image.new("L", (width, height))
    draw = ImageDraw.Draw(mask)
    origin = (REFERENCE_PX // 2, _MARGIN_PX)
    if stroke_px is None:
        draw.text(origin, character, font=font, fill=255, stroke_width=_OUTLINE_PX)
        draw.text(origin, character, font=font, fill=0)
    else:
        draw.text(origin, character, font=font, fill=255, stroke_width=stroke_px)
    box = mask.getbbox()
    return mask.crop((box[0], 0, box[2], height)) if box else mask
