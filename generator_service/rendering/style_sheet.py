"""Style sheet: a picture with captchas of every style.

`python -m generator_service.rendering.style_sheet docs/styles.png` renders the picture of the
documentation.
"""

from __future__ import annotations

import argparse
import string
from dataclasses import replace
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from generator_service.rendering.captcha_text import generate_text
from generator_service.rendering.image_renderer import render_image
from generator_service.rendering.render_options import RenderOptions
from shared.captchas.spec import CaptchaSpec, Style

_SPEC = CaptchaSpec(string.digits + string.ascii_letters, 7, min_length=4)
_ROWS: tuple[Style, ...] = (
    *("current", "classic", "vintage", "synthetic", "synthetic", "synthetic"),
    *("gimpy", "line", "crowded"),
)
_COLUMNS = 5
_GAP_PX = 6
_LABEL_PX = 78


def draw_style_sheet(seed: int) -> Image.Image:
    """Return an RGB image with a row of captchas per style, and three rows of `synthetic`."""
    options = RenderOptions()
    width, height = _SPEC.width + _GAP_PX, _SPEC.height + _GAP_PX
    sheet = Image.new("RGB", (_LABEL_PX + _COLUMNS * width, _GAP_PX + len(_ROWS) * height), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for row, style in enumerate(_ROWS):
        top = _GAP_PX + row * height
        if style not in _ROWS[:row]:
            draw.text((_GAP_PX, top + _SPEC.height / 2), style, "black", font, anchor="lm")
        for column in range(_COLUMNS):
            # Rows of different styles show the same texts.
            index = column + _COLUMNS * _ROWS[:row].count(style)
            text = generate_text(_SPEC, seed, index)
            image = render_image(replace(_SPEC, style=style), options, text, seed, index)
            sheet.paste(image, (_LABEL_PX + column * width, top))
    return sheet


def main() -> None:
    """Read the options and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="for example docs/styles.png")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    # 256 colours: half the bytes, and no visible difference at this size.
    draw_style_sheet(options.seed).quantize(256).save(options.file, optimize=True)


if __name__ == "__main__":
    main()
