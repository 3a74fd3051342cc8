"""Pictograms: the words that a question can ask for, and the glyphs that show them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

FONT = Path(__file__).parents[1] / "fonts" / "pictograms" / "NotoSansSymbols2-pictograms.ttf"
GLYPH_PX = 64
"""Longer side of a mask in pixels: that of a tile, so that tiles scale it down only a little."""

PICTOGRAMS: dict[str, str] = {
    "airplane": "\u2708\U0001f6e9\U0001f6e7",
    "bell": "\U0001f56d\U0001f6ce",
    "bicycle": "\U0001f6b2",
    "bird": "\U0001f426\U0001f54a",
    "book": "\U0001f56e\U0001f4da",
    "camera": "\U0001f4f7\U0001f4f9",
    "car": "\U0001f698\U0001f694",
    "cat": "\U0001f408",
    "clock": "\U0001f550\U0001f553\U0001f557\U0001f55a",
    "cloud": "\u2601\U0001f327\U0001f328\U0001f329",
    "cup": "\u2615",
    "dog": "\U0001f415",
    "envelope": "\u2709\U0001f582",
    "fish": "\U0001f41f",
    "flag": "\U0001f3f3\U0001f3f1\U0001f3f2",
    "flower": "\u273f\u2740\U0001f395",
    "glasses": "\U0001f453\U0001f576",
    "hand": "\u270b\U0001f590\U0001f591",
    "heart": "\u2665\u2661\u2764",
    "house": "\U0001f3e0\U0001f3d8",
    "key": "\U0001f5dd",
    "lock": "\U0001f512\U0001f513",
    "pencil": "\u270e\u270f\u2710\U0001f589",
    "scissors": "\u2702\u2704\u2700",
    "ship": "\U0001f6f3\U0001f6e5",
    "skull": "\u2620\U0001f571",
    "snowman": "\u2603\u26c4\u26c7",
    "spider": "\U0001f577",
    "telephone": "\u260e\u260f\U0001f57f\U0001f57e",
    "umbrella": "\u2602\u2614",
}
"""Words, in alphabetical order, each with the characters of the font that show it."""


@cache
def render_pictogram(character: str) -> Image.Image:
    """Return the coverage of a pictogram, mode L, cropped; its longer side is GLYPH_PX."""
    font = ImageFont.truetype(str(FONT), GLYPH_PX, layout_engine=ImageFont.Layout.BASIC)
    canvas = Image.new("L", (4 * GLYPH_PX, 3 * GLYPH_PX))
    ImageDraw.Draw(canvas).text((GLYPH_PX, GLYPH_PX), character, font=font, fill=255)
    mask = canvas.crop(canvas.getbbox())
    scale = GLYPH_PX / max(mask.size)
    size = (max(1, round(mask.width * scale)), max(1, round(mask.height * scale)))
    return mask.resize(size, Image.Resampling.BICUBIC)
