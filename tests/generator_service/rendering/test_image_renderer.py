from __future__ import annotations

import hashlib
import io
import random
import string
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generator_service.rendering.captcha_text import generate_text
from generator_service.rendering.image_renderer import render_grey, render_image, render_png
from generator_service.rendering.render_options import RenderOptions
from shared.captchas.images import decode_image
from shared.captchas.spec import STYLES, CaptchaSpec, SpecError, Style

SPEC = CaptchaSpec()
OPTIONS = RenderOptions()


@pytest.mark.parametrize("seed", range(5))
def test_two_styles_never_render_equal_pixels(seed: int) -> None:
    text = generate_text(SPEC, seed, 0)
    images = {render_png(replace(SPEC, style=s), OPTIONS, text, seed, 0) for s in STYLES}
    assert len(images) == len(STYLES)


def test_an_unknown_style_is_an_error_and_no_default() -> None:
    spec = replace(SPEC)
    object.__setattr__(spec, "style", "old")  # as if a style were added to the spec alone
    with pytest.raises(AssertionError, match="old"):
        render_image(spec, OPTIONS, "1234", 1, 0)


@pytest.mark.parametrize("style", STYLES)
def test_text_seed_and_index_determine_the_pixels(style: Style) -> None:
    spec = replace(SPEC, style=style)
    first = render_png(spec, OPTIONS, "1234", 5, 9)
    random.seed(1)  # other users of random numbers in the process have no influence
    np.random.seed(1)
    render_png(spec, OPTIONS, "1234", 6, 0)
    assert render_png(spec, OPTIONS, "1234", 5, 9) == first
    assert render_png(spec, OPTIONS, "1235", 5, 9) != first
    assert render_png(spec, OPTIONS, "1234", 5, 10) != first
    assert render_png(spec, OPTIONS, "1234", 6, 9) != first


def digest_captchas() -> str:
    """Return a digest of the pixels of 30 captchas in each style."""
    spec = CaptchaSpec(string.ascii_letters + string.digits, 8, min_length=3)
    digest = hashlib.sha256()
    for style in STYLES:
        for index in range(30):
            text = generate_text(spec, 7, index)
            image = render_image(replace(spec, style=style), OPTIONS, text, 7, index)
            digest.update(image.tobytes())
    return digest.hexdigest()


def test_a_restarted_process_renders_the_same_pixels() -> None:
    # Every process has another hash seed, which changes the order of sets.
    program = f"import {__name__} as tests; print(tests.digest_captchas())"
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert result.stdout.strip() == digest_captchas()


@pytest.mark.parametrize("style", STYLES)
def test_grey_pixels_equal_those_decoded_from_the_png(style: Style) -> None:
    spec = replace(SPEC, style=style)
    for index in range(10):
        text = generate_text(spec, 2, index)
        grey = render_grey(spec, OPTIONS, text, 2, index)
        assert np.array_equal(decode_image(render_png(spec, OPTIONS, text, 2, index), spec), grey)


@pytest.mark.parametrize("style", STYLES)
def test_the_image_has_the_size_of_the_spec(style: Style) -> None:
    spec = CaptchaSpec(charset="XYZ", length=6, width=200, height=80, style=style)
    for seed in range(10):  # some synthetic captchas are drawn in another size
        image = Image.open(io.BytesIO(render_png(spec, OPTIONS, "XXYYZZ", seed, 0)))
        assert (image.size, image.mode) == ((200, 80), "RGB")


@pytest.mark.parametrize("style", STYLES)
def test_a_text_that_does_not_match_the_spec_is_rejected(style: Style) -> None:
    with pytest.raises(SpecError, match="text has 3 characters"):
        render_image(replace(SPEC, style=style), OPTIONS, "123", 1, 0)
