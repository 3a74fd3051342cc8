"""The estimate of the legibility, on captchas as the generator renders them."""

from __future__ import annotations

import string
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from shared.captchas.dataset_archive import Dataset
from shared.captchas.effects import Effects
from shared.captchas.spec import LIBRARY_STYLES, STYLES, CaptchaSpec, Style
from trainer.audit.legibility.estimate import estimate_legibility, rate_captcha

DIGITS = CaptchaSpec()
LETTERS = CaptchaSpec(string.ascii_letters + string.digits, 6)
CHANGES = [(name, change) for name, change, _ in Effects().changes()]


def render(spec: CaptchaSpec, count: int) -> Dataset:
    from generator_service.rendering.captcha_text import generate_text
    from generator_service.rendering.image_renderer import render_grey
    from generator_service.rendering.render_options import RenderOptions

    options = RenderOptions()
    texts = [generate_text(spec, 3, index) for index in range(count)]
    images = [render_grey(spec, options, text, 3, index) for index, text in enumerate(texts)]
    return Dataset(spec, "renderer", 3, 0, np.array(images), texts)


def render_blank(spec: CaptchaSpec, count: int) -> Dataset:
    images = np.full((count, spec.height, spec.width), 240, np.uint8)
    return Dataset(spec, "renderer", 3, 0, images, [spec.charset[0] * spec.length] * count)


def estimate(spec: CaptchaSpec, **effects: Any) -> float:
    found = estimate_legibility(replace(spec, effects=replace(spec.effects, **effects)), render)
    assert found is not None
    assert 0 <= found.lowest_tenth <= found.estimate <= 1
    return found.estimate


def draw(left: int, right: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return an image with two black bars."""
    image = np.full((40, 80), 255, np.uint8)
    image[10:30, left : left + 6] = image[10:30, right : right + 6] = 0
    return image


def test_upright_dark_separate_characters_without_noise_are_legible() -> None:
    clean = {"noise_dots": 0, "noise_curves": 0, "rotation": 0, "warp": 0, "offset": 0}
    found = estimate(DIGITS, **clean, overlap=0, text_color="#808080", background_color="#ffffff")
    assert found > 0.85


def test_black_text_which_the_library_renders_transparent_is_not_legible() -> None:
    assert estimate(DIGITS, text_color="#000000", background_color="#ffffff") == 0


@pytest.mark.slow
@pytest.mark.parametrize("style", LIBRARY_STYLES)
@pytest.mark.parametrize("base", [DIGITS, LETTERS])
def test_protections_off_raise_it_and_doubled_lower_it(base: CaptchaSpec, style: Style) -> None:
    spec = replace(base, style=style)
    unchanged = estimate(spec)
    for name, change, effects in spec.effects.changes():
        if name == "offset":
            continue  # it only moves the overhang of a character
        found = estimate(spec, **{name: getattr(effects, name)})
        assert (found > unchanged) == (change == "off"), (name, change, found, unchanged)


def test_more_of_everything_is_barely_legible() -> None:
    hard = estimate(LETTERS, noise_dots=300, noise_curves=6, rotation=80, overlap=0.6, warp=3)
    assert hard < 0.5 * estimate(LETTERS)


def test_low_contrast_is_hardly_legible() -> None:
    found = estimate(DIGITS, text_color="#dddddd", background_color="#eeeeee")
    assert found < 0.1


def test_a_blank_image_is_not_legible() -> None:
    found = estimate_legibility(DIGITS, render_blank)
    assert found is not None
    assert found.estimate == 0


def test_the_same_captchas_have_the_same_estimate() -> None:
    assert estimate(DIGITS) == estimate(DIGITS)


def test_a_style_without_effects_has_no_estimate() -> None:
    others = [style for style in STYLES if style not in LIBRARY_STYLES]
    assert others
    for style in others:
        assert estimate_legibility(replace(DIGITS, style=style), render) is None


def test_noise_is_the_ink_that_is_not_text() -> None:
    text = draw(10, 60)
    noisy = text.copy()
    noisy[10:30, 30:36] = 0  # as much as one of the two bars
    assert rate_captcha(text, text, 2, 2) == pytest.approx(1)
    assert rate_captcha(noisy, text, 2, 2) == pytest.approx(2 / 3)


def test_noise_outside_of_the_text_does_not_count() -> None:
    text = draw(10, 60)
    noisy = text.copy()
    noisy[35:40] = 0
    assert rate_captcha(noisy, text, 2, 2) == pytest.approx(1)


def test_a_touching_character_counts_half() -> None:
    touching = draw(10, 15)
    assert rate_captcha(touching, touching, 2, 2) == pytest.approx(0.75)


def test_the_generator_renders_the_same_characters_without_noise() -> None:
    noisy, silent = (
        render(DIGITS, 20),
        render(replace(DIGITS, effects=Effects(noise_dots=0, noise_curves=0)), 20),
    )
    assert noisy.texts == silent.texts
    # Noise has the colour of the text, so it never brightens a pixel by more than blurred edges.
    brighter = noisy.images.astype(int) - silent.images
    assert np.mean(brighter > 8) < 0.001
