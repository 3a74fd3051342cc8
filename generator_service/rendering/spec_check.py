"""Check of a spec: whether its texts can be shown in its images with its fonts."""

from __future__ import annotations

import itertools
from functools import lru_cache
from pathlib import Path

from PIL import ImageColor

from generator_service.errors import FontError, IllegibleText
from generator_service.rendering.library_renderer import DEFAULT_FONTS
from generator_service.rendering.render_options import RenderOptions
from generator_service.synthetic.colours import luma
from generator_service.synthetic.font_files import load_font, render_glyphs
from shared.captchas.effects import RANDOM_COLOR, Effects
from shared.captchas.spec import LIBRARY_STYLES, CaptchaSpec

MIN_CHARACTER_WIDTH_PX = 8
"""Narrower characters have strokes of less than a pixel."""
MIN_LIBRARY_HEIGHT_PX = 40
"""The library draws capital letters up to 40 pixels high, and does not scale them to the image."""
MIN_CONTRAST = 20
"""Grey levels between text and background. The faintest captchas of the library have 17."""
MAX_FAINT_FRACTION = 0.1
"""Largest fraction of captchas whose random text colour has less contrast than MIN_CONTRAST: a
reader asks for another captcha. It is 0 on the library's backgrounds and 8 % on black."""
_OPACITY_PER_GREY_LEVEL = 1.97  # the library's lookup_table
_MEAN_BACKGROUND = "#f6f6f6"  # the library's are from 238 to 255
_TEXT_CHANNEL = range(15, 200, 10)  # the library's are from 10 to 200; a tenth of them suffices


def check_renderable(spec: CaptchaSpec, options: RenderOptions) -> None:
    """Check that the generator can show every text of a spec.

    Raises:
        IllegibleText: if the image is too small for a text, the text is invisible on its
            background or random text often is, or a font lacks a character.
        UnknownFont: if the spec names a font that the generator does not have.
    """
    least = MIN_CHARACTER_WIDTH_PX * spec.length
    if spec.width < least:
        raise IllegibleText(
            f"width must be at least {least} for {spec.length} characters, {MIN_CHARACTER_WIDTH_PX}"
            f" pixels each, not {spec.width}"
        )
    if spec.style in LIBRARY_STYLES and spec.height < MIN_LIBRARY_HEIGHT_PX:
        raise IllegibleText(
            f"height must be at least {MIN_LIBRARY_HEIGHT_PX} in the style {spec.style}, whose"
            f" characters are not scaled, not {spec.height}"
        )
    _check_contrast(spec.effects)
    for font in _list_fonts(spec, options):
        _check_font(font, spec.charset)


def _list_fonts(spec: CaptchaSpec, options: RenderOptions) -> tuple[str, ...]:
    """Return the fonts of a spec that may lack one of its characters."""
    if spec.style in LIBRARY_STYLES:
        return options.choose_fonts(spec.effects) or DEFAULT_FONTS
    # Looking for the characters in hundreds of fonts takes a second.
    is_known = set(spec.charset) <= set(options.synthetic_charset)
    return () if is_known else options.synthetic_fonts


def _check_contrast(effects: Effects) -> None:
    text, background = effects.text_color, effects.background_color
    if text == RANDOM_COLOR:
        if background != RANDOM_COLOR:
            _check_random_text(background)
        return
    contrast = _measure_contrast(
        _to_luma(text), _to_luma(_MEAN_BACKGROUND if background == RANDOM_COLOR else background)
    )
    if contrast < MIN_CONTRAST:
        raise IllegibleText(
            f"text_color must differ from background_color by at least {MIN_CONTRAST} of 255 grey"
            f" levels, not {contrast:.0f} ({text} on {background}); the darker a text, the more"
            " transparent the library makes it"
        )


def _check_random_text(background: str) -> None:
    faint = _measure_faint_fraction(background)
    if faint > MAX_FAINT_FRACTION:
        raise IllegibleText(
            f"background_color must not be {background} with random text colours: {faint:.0%} of"
            f" the captchas, more than {MAX_FAINT_FRACTION:.0%}, would have less than"
            f" {MIN_CONTRAST} of 255 grey levels between text and background; set text_color, or a"
            " lighter background_color"
        )


@lru_cache(maxsize=100)
def _measure_faint_fraction(background: str) -> float:
    """Return the fraction of the random text colours with less contrast than MIN_CONTRAST."""
    level = _to_luma(background)
    colours = list(itertools.product(_TEXT_CHANNEL, _TEXT_CHANNEL, _TEXT_CHANNEL))
    return sum(_measure_contrast(luma(c), level) < MIN_CONTRAST for c in colours) / len(colours)


def _measure_contrast(text: float, background: float) -> float:
    """Return the grey levels between a text and its background, as the library draws it."""
    # The library takes the opacity of a character from its brightness: black is transparent.
    opacity = min(255, int(text * _OPACITY_PER_GREY_LEVEL)) / 255
    return opacity * abs(text - background)


def _to_luma(color: str) -> float:
    red, green, blue = ImageColor.getrgb(color)[:3]
    return luma((red, green, blue))


@lru_cache(maxsize=10_000)  # hundreds of fonts, and several charsets
def _check_font(file: str, charset: str) -> None:
    try:
        render_glyphs(load_font(file), charset)
    except (FontError, OSError) as error:
        raise IllegibleText(f"the font {Path(file).name} cannot be used: {error}") from error
