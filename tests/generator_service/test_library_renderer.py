from __future__ import annotations

import inspect
import string
from dataclasses import replace
from typing import Any

import captcha.image
import numpy as np
import pytest

from generator_service.captcha_text import generate_text
from generator_service.library_renderer import render_with_library
from generator_service.seeded_random import SeededRandom, load_seeded_module
from generator_service.synthetic.font_files import list_bundled_fonts
from shared.spec import CaptchaSpec

SPEC = CaptchaSpec()
SPECS = [
    SPEC,
    CaptchaSpec(string.ascii_letters + string.digits, 6, 128, 64),  # text wider than the image
    CaptchaSpec("WM", 9, 100, 40),
    CaptchaSpec("-~|", 1, 400, 20),
]


def load_older_library(source: SeededRandom, edits: dict[str, str]) -> Any:
    """Return captcha 0.7.1 with some code replaced by older code."""
    library = load_seeded_module("captcha.image", source)
    code = inspect.getsource(captcha.image)
    for new, old in edits.items():
        assert code.count(new) == 1, new
        code = code.replace(new, old)
    exec(code, library.__dict__)
    library.secrets = source  # type: ignore[attr-defined]
    return library


# The lines of captcha 0.7.0, which vary the warp between fractions of a side.
OLDER_WARP = {
    f"{side} * (secrets.randbits(32) / (2**32)) * ({warp}[1] - {warp}[0]) + {warp}[0]": (
        f"{side} * ({warp}[0] + secrets.randbits(32) / (2**32) * ({warp}[1] - {warp}[0]))"
    )
    for side, warp in (("w", "self.character_warp_dx"), ("h", "self.character_warp_dy"))
}
# The default of Pillow before 7, and no spaces, as in captcha before 0.3.
NEAREST_WITHOUT_SPACES = {
    "im.resize((w2, h2))": "im.resize((w2, h2), Resampling.NEAREST)",
    "image.resize((self._width, self._height))": (
        "image.resize((self._width, self._height), Resampling.NEAREST)"
    ),
    "secrets.randbits(32) / (2**32) > self.word_space_probability": (
        "secrets.randbits(32) is None"
    ),
}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.length}-{spec.width}")
@pytest.mark.parametrize(
    ("style", "edits"),
    [
        ("current", {}),
        ("classic", OLDER_WARP),
        ("vintage", OLDER_WARP | NEAREST_WITHOUT_SPACES),
    ],
    ids=["current", "classic", "vintage"],
)
def test_a_style_has_the_pixels_of_its_library(
    spec: CaptchaSpec, style: Any, edits: dict[str, str]
) -> None:
    source = SeededRandom()
    reference = load_older_library(source, edits).ImageCaptcha(spec.width, spec.height)
    for seed in range(40):
        text = generate_text(spec, seed, 0)
        source.reseed("picture", seed, 0)
        expected = np.asarray(reference.generate_image(text))
        image = render_with_library(replace(spec, style=style), (), text, seed, 0)
        assert np.array_equal(np.asarray(image), expected)


def test_the_fonts_are_used() -> None:
    def render(*fonts: str) -> bytes:
        return render_with_library(SPEC, fonts, "1234", 1, 0).tobytes()

    assert render() == render(captcha.image.DEFAULT_FONTS[0])
    assert render() != render(list_bundled_fonts()[0])


def measure_text_width(spec: CaptchaSpec, seed: int) -> int:
    """Return the columns between the first and the last one that are mostly darker than paper."""
    image = render_with_library(spec, (), "1" * spec.length, seed, 0)
    dark_rows = (np.asarray(image.convert("L")) < 200).sum(axis=0)
    columns = np.flatnonzero(dark_rows > spec.height / 4)
    return int(np.ptp(columns))


def test_vintage_has_no_spaces_between_characters() -> None:
    spec = CaptchaSpec(length=3, width=400)
    widths = {
        style: np.mean([measure_text_width(replace(spec, style=style), i) for i in range(20)])
        for style in ("classic", "vintage")
    }
    # On average every second character of the classic style follows a space of 30 pixels.
    assert widths["classic"] > widths["vintage"] + 15
