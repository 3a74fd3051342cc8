"""The error of an invalid captcha spec, in a file of its own because specs contain effects."""

from __future__ import annotations


class SpecError(ValueError):
    """An invalid captcha spec, or a text that does not match a spec."""
