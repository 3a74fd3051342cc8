"""An estimate of how legible captchas are to people, to weigh protections against it.

It is the product of four parts, each from 0 to 1, measured on the pixels:

- Contrast: the logarithm of the WCAG contrast ratio of text and background, 1 from 3 to 1 on,
  which WCAG 2.2 (success criterion 1.4.3) asks for large text.
- Clutter: the part of the ink in the area of the text that is text, not noise. Clutter around a
  target slows recognition: Rosenholtz, Li and Nakano, "Measuring Visual Clutter" (2007).
- Shape: the correlation of the rotated and warped characters with the same characters upright, at
  the resolution from which people identify letters. Rotation costs readers little at 22 degrees and
  much from 45 on: "Letter rotations: through the magnifying glass and What evidence found there",
  Language, Cognition and Neuroscience (2022).
- Separation: the part of the ink of the characters that neighbours leave visible, times the part of
  the characters that stand apart, where a touching one counts half. People separate touching
  characters much better than programs do: Chellapilla et al., "Designing Human Friendly Human
  Interaction Proofs" (2005).

Limits: it is computed, not measured on people, so the value is not the share of people who succeed.
It compares settings of one style. It does not know the size on the screen, colours, or confusable
characters such as 0 and O.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.captchas.dataset_archive import Dataset
from shared.captchas.spec import LIBRARY_STYLES, CaptchaSpec
from trainer.audit.legibility.glyph_shapes import (
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

NOISE = ("noise_dots", "noise_curves")
DISTORTION = ("rotation", "warp", "offset", "overlap")
ENOUGH_CONTRAST = 3.0
TOUCHING = 0.5
_CAPTCHAS = 100
_GLYPHS_PER_CHARACTER, _MIN_GLYPHS = 5, 150


@dataclass(frozen=True)
class _Glyph:
    """A character as it is rendered alone and without noise."""

    shapes: list[npt.NDArray[np.float64]]
    parts: float
    """Connected parts: two for an i."""


def estimate_legibility(spec: CaptchaSpec, fetch: Fetch) -> Legibility | None:
    """Return the estimate for a spec.

    The generator draws noise after the text, so the same seed gives the same characters at the same
    places with and without it. Their difference is the noise.

    Args:
        spec: the captchas, with their effects.
        fetch: renders captchas of any spec.

    Returns:
        The estimate; None for a style without effects, which cannot be rendered without noise.
    """
    if spec.style not in LIBRARY_STYLES:
        return None
    clean_spec = _switch_off(spec, NOISE)
    noisy, clean = fetch(spec, _CAPTCHAS), fetch(clean_spec, _CAPTCHAS)
    count = max(_MIN_GLYPHS, _GLYPHS_PER_CHARACTER * len(spec.charset))
    single = replace(clean_spec, length=1, min_length=1)
    upright = _collect_glyphs(fetch(_switch_off(single, DISTORTION), count))
    distorted = _collect_glyphs(fetch(single, count))
    apart = fetch(_switch_off(clean_spec, ["overlap"]), _CAPTCHAS)
    common = _compare_shapes(distorted, upright) * _measure_visible(clean, apart)
    values = [
        common * rate_captcha(image, text_image, _count_parts(text, upright), len(text))
        for image, text_image, text in zip(noisy.images, clean.images, clean.texts, strict=True)
    ]
    return Legibility(
        estimate=round(float(np.mean(values)), 4),
        lowest_tenth=round(float(np.percentile(values, 10)), 4),
        n=len(values),
    )


def rate_captcha(image: Grey, text_image: Grey, expected_parts: float, characters: int) -> float:
    """Return the parts that are measured on one captcha, multiplied.

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
    contrast = min(math.log(measure_contrast(text_image, ink)) / math.log(ENOUGH_CONTRAST), 1.0)
    strength = abs(float(np.median(text_image[ink])) - float(np.median(text_image)))
    changed = np.abs(image.astype(np.float64) - text_image) > strength / 2
    text = float(ink[box].sum())
    clutter = text / (text + float(changed[box].sum()))
    touching = min(max(expected_parts - count_parts(ink), 0.0) / characters, 1.0)
    return contrast * clutter * (1 - TOUCHING * touching)


def _switch_off(spec: CaptchaSpec, names: Sequence[str]) -> CaptchaSpec:
    off: dict[str, Any] = dict.fromkeys(names, 0)
    return replace(spec, effects=replace(spec.effects, **off))


def _collect_glyphs(captchas: Dataset) -> Mapping[str, _Glyph]:
    """Return the characters of captchas with one character each."""
    shapes: dict[str, list[npt.NDArray[np.float64]]] = defaultdict(list)
    parts: dict[str, list[int]] = defaultdict(list)
    for image, character in zip(captchas.images, captchas.texts, strict=True):
        shape = normalise_shape(image)
        if shape is not None:
            shapes[character].append(shape)
            parts[character].append(count_parts(find_ink(image)))
    return {c: _Glyph(found, float(np.mean(parts[c]))) for c, found in shapes.items()}


def _compare_shapes(distorted: Mapping[str, _Glyph], upright: Mapping[str, _Glyph]) -> float:
    """Return the mean correlation of characters with the most similar upright one of their text."""
    correlations = [
        max(0.0, *(float((shape * other).sum()) for other in upright[character].shapes))
        for character, glyph in distorted.items()
        if character in upright
        for shape in glyph.shapes
    ]
    return float(np.mean(correlations)) if correlations else 0.0


def _measure_visible(captchas: Dataset, apart: Dataset) -> float:
    """Return the ink of texts as a part of that of the same texts without overlap, at most 1.

    The size of a character varies, so only the sums over all captchas are compared.
    """
    with_overlap, without = (
        sum(int(find_ink(image).sum()) for image in dataset.images) for dataset in (captchas, apart)
    )
    return min(with_overlap / without, 1.0) if without else 0.0


def _count_parts(text: str, glyphs: Mapping[str, _Glyph]) -> float:
    return sum(glyphs[c].parts if c in glyphs else 1.0 for c in text)
