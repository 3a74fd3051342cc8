"""Check of a spec: whether its texts can be shown in its images with its fonts."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from generator_service.errors import FontError, IllegibleText
from generator_service.library_renderer import DEFAULT_FONTS
from generator_service.render_options import RenderOptions
from generator_service.synthetic.font_files import load_font, render_glyphs
from shared.spec import LIBRARY_STYLES, CaptchaSpec

MIN_CHARACTER_WIDTH_PX = 8
"""Narrower characters have strokes of less than a pixel."""
MIN_LIBRARY_HEIGHT_PX = 40
"""The library draws capital letters up to 40 pixels high, and does not scale them to the image."""


def check_renderable(spec: CaptchaSpec, options: RenderOptions) -> None:
    """Check that the generator can show every text of a spec.

    Raises:
        IllegibleText: if the image is too small for a text, or a font lacks a character.
        UnknownFont: if the spec names a font that the generator does not have.
    """
    least = MIN_CHARACTER_WIDTH_PX * spec.length
    if spec.width < least:
        raise IllegibleText(
            f"width must be at least {least} for {spec.length} characters, {MIN_CHARACTER_WIDTH_PX}"
            f" pixels each, not {spec.width}"
        )
    is_library = spec.style in LIBRARY_STYLES
    if is_library and spec.height < MIN_LIBRARY_HEIGHT_PX:
        raise IllegibleText(
            f"height must be at least {MIN_LIBRARY_HEIGHT_PX} in the style {spec.style}, whose"
            f" characters are not scaled, not {spec.height}"
        )
    fonts = options.choose_fonts(spec.effects) or DEFAULT_FONTS
    for font in fonts if is_library else options.synthetic_fonts:
        _check_font(font, spec.charset)


@lru_cache(maxsize=1000)
def _check_font(file: str, charset: str) -> None:
    try:
        render_glyphs(load_font(file), charset)
    except (FontError, OSError) as error:
        raise IllegibleText(f"the font {Path(file).name} cannot be used: {error}") from error
