"""Check of a spec: whether its texts can be shown in its images with its fonts."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from PIL import ImageColor

from generator_service.errors import FontError, IllegibleText
from generator_service.library_renderer import DEFAULT_FONTS
from generator_service.render_options import RenderOptions
from generator_service.synthetic.font_files import load_font, render_glyphs
from shared.effects import RANDOM_COLOR, Effects
from shared.spec import LIBRARY_STYLES, CaptchaSpec

MIN_CHARACTER_WIDTH_PX = 8
"""Narrower characters have strokes of less than a pixel."""
MIN_LIBRARY_HEIGHT_PX = 40
"""The library draws capital letters up to 40 pixels high, and does not scale them to the image."""
MIN_CONTRAST = 20
"""Grey levels between text and background. The faintest captchas of the library have 17."""
_OPACITY_PER_GREY_LEVEL = 1.97  # the library's lookup_table
_MEAN_BACKGROUND = "#f6f6f6"  # the library's are from 238 to 255


def check_renderable(spec: CaptchaSpec, options: RenderOptions) -> None:
    """Check that the generator can show every text of a spec.

    Raises:
        IllegibleText: if the image is too small for a text, the text is invisible on its
            background, or a font lacks a character.
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
    _check_contrast(spec.effects)
    fonts = options.choose_fonts(spec.effects) or DEFAULT_FONTS
    for font in fonts if is_library else options.synthetic_fonts:
        _check_font(font, spec.charset)


def _check_contrast(effects: Effects) -> None:
    if effects.text_color == RANDOM_COLOR:
        return
    is_random = effects.background_color == RANDOM_COLOR
    background = _to_grey(_MEAN_BACKGROUND if is_random else effects.background_color)
    text = _to_grey(effects.text_color)
    # The library takes the opacity of a character from its brightness: black is transparent.
    opacity = min(255, int(text * _OPACITY_PER_GREY_LEVEL)) / 255
    contrast = opacity * abs(text - background)
    if contrast < MIN_CONTRAST:
        raise IllegibleText(
            f"text_color must differ from background_color by at least {MIN_CONTRAST} of 255 grey"
            f" levels, not {contrast:.0f} ({effects.text_color} on {effects.background_color}); the"
            " darker a text, the more transparent the library makes it"
        )


def _to_grey(color: str) -> int:
    red, green, blue = ImageColor.getrgb(color)[:3]
    return (299 * red + 587 * green + 114 * blue) // 1000  # as Pillow does


@lru_cache(maxsize=1000)
def _check_font(file: str, charset: str) -> None:
    try:
        render_glyphs(load_font(file), charset)
    except (FontError, OSError) as error:
        raise IllegibleText(f"the font {Path(file).name} cannot be used: {error}") from error
