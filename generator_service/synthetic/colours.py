"""Colours of a synthetic captcha: a background, and inks that stand out from it."""

from __future__ import annotations

import random
from dataclasses import dataclass

Colour = tuple[int, int, int]

_MIN_CONTRAST = 60  # grey levels between ink and background
_MIN_LOW_CONTRAST = 30


def luma(colour: Colour) -> float:
    """Return the brightness of a colour, 0 to 255 (ITU-R BT.601)."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


@dataclass(frozen=True)
class Palette:
    """The colours of one captcha."""

    background: Colour
    is_dark: bool
    min_contrast: float
    is_grey: bool

    def draw_ink(self, rng: random.Random) -> Colour:
        """Return a colour with at least the minimum contrast to the background."""
        base = luma(self.background)
        for _ in range(20):
            ink = _draw_colour(rng, self.is_grey)
            difference = luma(ink) - base if self.is_dark else base - luma(ink)
            if difference >= self.min_contrast:
                return ink
        return (255, 255, 255) if self.is_dark else (0, 0, 0)

    def draw_any(self, rng: random.Random) -> Colour:
        """Return any colour."""
        return _draw_colour(rng, self.is_grey)


def draw_palette(rng: random.Random, inverted_fraction: float) -> Palette:
    """Return the colours of a captcha."""
    is_dark = rng.random() < inverted_fraction
    is_grey = rng.random() < 0.25
    level = int(rng.triangular(0, 110, 0)) if is_dark else int(rng.triangular(140, 255, 255))
    if is_grey or rng.random() < 0.4:
        background = (level, level, level)
    else:
        spread = 40 if rng.random() < 0.7 else 90
        red, green, blue = (
            min(255, max(0, level + rng.randint(-spread, spread))) for _ in range(3)
        )
        background = (red, green, blue)
    contrast = _MIN_CONTRAST if rng.random() < 0.85 else _MIN_LOW_CONTRAST
    return Palette(background, is_dark, contrast, is_grey)


def _draw_colour(rng: random.Random, is_grey: bool) -> Colour:
    if is_grey:
        level = rng.randrange(256)
        return level, level, level
    return rng.randrange(256), rng.randrange(256), rng.randrange(256)
