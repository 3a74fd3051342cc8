"""The captcha spec of a request: the generator's, with another style or a part of the charset."""

from __future__ import annotations

from dataclasses import replace

from generator_service.errors import UnsupportedCharset
from shared.spec import CaptchaSpec, Style


def choose_spec(spec: CaptchaSpec, style: Style | None) -> CaptchaSpec:
    """Return the spec in another style; None means the style of the spec."""
    return spec.with_style(style) if style else spec


def restrict_charset(spec: CaptchaSpec, charset: str) -> CaptchaSpec:
    """Return the spec with a part of its charset.

    Raises:
        UnsupportedCharset: if the spec does not contain all of the characters.
        SpecError: if the charset is empty or repeats a character.
    """
    if unknown := sorted(set(charset) - set(spec.charset)):
        raise UnsupportedCharset(
            f"charset contains {''.join(unknown)!r}; this generator renders {spec.charset!r}"
        )
    return replace(spec, charset=charset)
