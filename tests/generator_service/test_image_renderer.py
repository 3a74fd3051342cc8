from __future__ import annotations

import inspect
import io
import random
import string
from dataclasses import replace
from typing import Any

import captcha.image
import numpy as np
import pytest
from PIL import Image

from generator_service.captcha_text import generate_text
from generator_service.image_renderer import render_grey, render_image, render_png
from generator_service.seeded_random import SeededRandom, load_seeded_module
from shared.images import decode_image
from shared.spec import CaptchaSpec, SpecError

SPEC = CaptchaSpec()
SPECS = [
    SPEC,
    CaptchaSpec(string.ascii_letters + string.digits, 6, 128, 64),  # text wider than the image
    CaptchaSpec("WM", 9, 100, 40),
    CaptchaSpec("-~|", 1, 400, 20),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.length}-{spec.width}")
def test_the_current_style_has_the_pixels_of_the_library(spec: CaptchaSpec) -> None:
    source = SeededRandom()
    compare_with(load_seeded_module("captcha.image", source), source, spec)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.length}-{spec.width}")
def test_the_classic_style_has_the_pixels_of_the_older_library(spec: CaptchaSpec) -> None:
    source = SeededRandom()
    library = load_seeded_module("captcha.image", source)
    # captcha 0.7.1 with the two lines of 0.7.0, which vary the warp between fractions of a side.
    code = inspect.getsource(captcha.image)
    for side, axis in (("w", "dx"), ("h", "dy")):
        warp = f"self.character_warp_{axis}"
        new = f"{side} * (secrets.randbits(32) / (2**32)) * ({warp}[1] - {warp}[0]) + {warp}[0]"
        old = f"{side} * ({warp}[0] + secrets.randbits(32) / (2**32) * ({warp}[1] - {warp}[0]))"
        assert code.count(new) == 1
        code = code.replace(new, old)
    exec(code, library.__dict__)
    library.secrets = source  # type: ignore[attr-defined]
    compare_with(library, source, replace(spec, style="classic"))


def compare_with(library: Any, source: SeededRandom, spec: CaptchaSpec) -> None:
    reference = library.ImageCaptcha(spec.width, spec.height)
    for seed in range(40):
        text = generate_text(spec, seed, 0)
        source.reseed("picture", seed, 0)
        expected = np.asarray(reference.generate_image(text))
        assert np.array_equal(np.asarray(render_image(spec, (), text, seed, 0)), expected)


def test_the_styles_differ() -> None:
    classic = replace(SPEC, style="classic")
    assert render_png(SPEC, (), "1234", 1, 0) != render_png(classic, (), "1234", 1, 0)


def test_text_seed_and_index_determine_the_pixels() -> None:
    first = render_png(SPEC, (), "1234", 5, 9)
    random.seed(1)  # other users of random numbers in the process have no influence
    render_png(SPEC, (), "1234", 6, 0)
    assert render_png(SPEC, (), "1234", 5, 9) == first
    assert render_png(SPEC, (), "1235", 5, 9) != first
    assert render_png(SPEC, (), "1234", 5, 10) != first
    assert render_png(SPEC, (), "1234", 6, 9) != first


def test_grey_pixels_equal_those_decoded_from_the_png() -> None:
    for index in range(10):
        text = generate_text(SPEC, 2, index)
        grey = render_grey(SPEC, (), text, 2, index)
        assert np.array_equal(decode_image(render_png(SPEC, (), text, 2, index), SPEC), grey)


def test_the_image_has_the_size_of_the_spec() -> None:
    spec = CaptchaSpec(charset="XYZ", length=6, width=200, height=80)
    image = Image.open(io.BytesIO(render_png(spec, (), "XXYYZZ", 1, 0)))
    assert (image.size, image.mode) == ((200, 80), "RGB")


def test_a_text_that_does_not_match_the_spec_is_rejected() -> None:
    with pytest.raises(SpecError, match="text has 3 characters"):
        render_image(SPEC, (), "123", 1, 0)
