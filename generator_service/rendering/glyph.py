"""Glyphs: the characters of a font, rendered once and reused for every captcha."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont


@dataclass(frozen=True)
class Glyph:
    """A character of a font, independent of colour and angle.

    Attributes:
        width: width of the character's box in pixels.
        height: height of the character's box in pixels.
        mask: coverage, mode L, cropped to the foreground; None for a space.
        left_overhang: columns of the mask to the left of the box.
        top_overhang: rows of the mask above the box.
    """

    width: int
    height: int
    mask: Image.Image | None
    left_overhang: int
    top_overhang: int

    def clip(self, dx: int, dy: int) -> Image.Image | None:
        """Return the part of the mask inside an image whose box starts at (dx, dy)."""
        cut_x, cut_y = max(0, self.left_overhang - dx), max(0, self.top_overhang - dy)
        if self.mask is None or (cut_x, cut_y) == (0, 0):
            return self.mask
        rest = self.mask.crop((cut_x, cut_y, *self.mask.size))
        foreground = rest.getbbox()
        return rest.crop(foreground) if foreground else None


def render_glyph(font: ImageFont.FreeTypeFont, character: str, origin_px: int) -> Glyph:
    """Return the glyph of a character in a font.

    Args:
        font: the font.
        character: the character.
        origin_px: x and y at which the library measures text; the size of the box includes it.
    """
    scratch = ImageDraw.Draw(Image.new("L", (1, 1)))
    origin = (origin_px, origin_px)
    _, _, right, bottom = scratch.multiline_textbbox(origin, character, font=font)
    width, height = int(right), int(bottom)
    x, y = width, height  # leaves room on all sides for the overhang
    mask = Image.new("L", (x + width, y + height))
    ImageDraw.Draw(mask).text((x, y), character, font=font, fill=255)
    box = mask.getbbox()
    if box is None:
        return Glyph(width, height, None, 0, 0)
    return Glyph(width, height, mask.crop(box), max(0, x - box[0]), max(0, y - box[1]))
