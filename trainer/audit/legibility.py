"""An estimate of how legible captchas are to people, so that nobody makes them unreadable.

It is the product of four parts, each from 0 to 1, measured on the pixels:

- Contrast: the WCAG contrast ratio of text and background, 1 from 3 to 1 on, which WCAG 2.2
  (success criterion 1.4.3) asks for large text.
- Clutter: the part of the ink in the area of the text that is text, not noise. Clutter around a
  target slows recognition: Rosenholtz, Li and Nakano, "Measuring Visual Clutter" (2007).
- Shape: the correlation of the rotated and warped characters with the same characters upright, at
  the resolution from which people identify letters. Rotation costs readers little at 22 degrees and
  much from 45 on: "Letter rotations: through the magnifying glass and What evidence found there",
  Language, Cognition and Neuroscience (2022).
- Separation: the part of the characters that stand apart from their neighbours, where a touching
  one counts half. People separate touching characters much better than programs do: Chellapilla et
  al., "Designing Human Friendly Human Interaction Proofs" (2005).

Limits: it is computed, not measured on people, so the value is not the share of people who succeed.
It compares settings of one style. It does not know the size on the screen, colours, or confusable
characters such as 0 and O.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from shared.dataset_archive import Dataset
from shared.spec import CaptchaSpec, Style
from trainer.audit.glyph_shapes import (
    Grey,
    count_parts,
    find_box,
    find_ink,
    measure_contrast,
    normalise_shape,
)
from trainer.audit.results import Legibility

Fetch = Callable[[CaptchaSpec, int], Dataset]
"""Returns the first captchas of a spec, always of the same seed."""

LIBRARY_STYLES: tuple[Style, ...] = ("current", "classic", "vintage")
"""Styles with effects that can be switched off."""
NOISE = ("noise_dots", "noise_curves")
DISTORTION = ("rotation", "warp", "offset", "overlap")
ENOUGH_CONTRAST = 3.0
TOUCHING = 0.5
_CAPTCHAS = 100
_GLYPHS_PER_CHARACTER, _MIN_GLYPHS = 5, 150


@dataclass(frozen=True)
class _Glyph:
    """A character as the style renders it without distortion."""

    shapes: list[npt.NDArray[np.float64]]
    parts: float
    """Connected parts: two for an i."""


def estimate_legibility(spec: CaptchaSpec, fetch: Fetch) -> Legibility | None:
    """Return the estimate for a spec.

    The same seed renders the same characters with and without noise, which the difference of both
    images needs.

    Args:
        spec: the captchas, with their effects.
        fetch: renders captchas of any spec.

    Returns:
        The estimate; None for a style whose effects cannot be switched off.
    """
    if spec.style not in LIBRARY_STYLES:
        return None
    silent_spec = _switch_off(spec, NOISE)
    noisy, silent = fetch(spec, _CAPTCHAS), fetch(silent_spec, _CAPTCHAS)
    count = max(_MIN_GLYPHS, _GLYPHS_PER_CHARACTER * len(spec.charset))
    single = replace(silent_spec, length=1, min_length=1)
    glyphs = _collect_glyphs(fetch(_switch_off(single, DISTORTION), count))
    shape = _measure_shapes(fetch(single, count), glyphs)
    values = [
        shape * rate_captcha(image, text_image, _count_expected(text, glyphs), len(text))
        for image, text_image, text in zip(noisy.images, silent.images, silent.texts, strict=True)
    ]
    return Legibility(
        estimate=round(float(np.mean(values)), 4),
        lowest_tenth=round(float(np.percentile(values, 10)), 4),
        n=len(values),
    )


def rate_captcha(image: Grey, text_image: Grey, expected_parts: float, characters: int) -> float:
    """Return contrast, clutter and separation of one captcha, multiplied.

    Args:
        image: the captcha, (height, width).
        text_image: the same captcha without noise.
        expected_parts: connected parts of its text if no characters touch.
        characters: length of its text.
    """
    ink = find_ink(text_image)
    box = find_box(ink)
    if box is None:
        return 0.0
    contrast = min(max((measure_contrast(text_image, ink) - 1) / (ENOUGH_CONTRAST - 1), 0.0), 1.0)
    strength = abs(float(np.median(text_image[ink])) - float(np.median(text_image)))
    changed = np.abs(image.astype(np.float64) - text_image) > strength / 2
    text = float(ink[box].sum())
    clutter = text / (text + float(changed[box].sum()))
    touching = min(max(expected_parts - count_parts(ink), 0.0) / characters, 1.0)
    return contrast * clutter * (1 - TOUCHING * touching)


def _switch_off(spec: CaptchaSpec, names: Sequence[str]) -> CaptchaSpec:
    off = {
        name: getattr(effects, name)
        for name, change, effects in spec.effects.changes()
        if change == "off" and name in names
    }
    return replace(spec, effects=replace(spec.effects, **off))


def _collect_glyphs(upright: Dataset) -> Mapping[str, _Glyph]:
    shapes: dict[str, list[npt.NDArray[np.float64]]] = defaultdict(list)
    parts: dict[str, list[int]] = defaultdict(list)
    for image, character in zip(upright.images, upright.texts, strict=True):
        shape = normalise_shape(image)
        if shape is not None:
            shapes[character].append(shape)
            parts[character].append(count_parts(find_ink(image)))
    return {c: _Glyph(found, float(np.mean(parts[c]))) for c, found in shapes.items()}


def _measure_shapes(distorted: Dataset, glyphs: Mapping[str, _Glyph]) -> float:
    """Return the mean correlation of characters with the most similar upright one of their text."""
    correlations = []
    for image, character in zip(distorted.images, distorted.texts, strict=True):
        if character in glyphs:
            shape = normalise_shape(image)
            similar = glyphs[character].shapes
            best = 0.0 if shape is None else max(float((shape * other).sum()) for other in similar)
            correlations.append(max(best, 0.0))
    return float(np.mean(correlations)) if correlations else 0.0


def _count_expected(text: str, glyphs: Mapping[str, _Glyph]) -> float:
    return sum(glyphs[c].parts if c in glyphs else 1.0 for c in text)
