from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PICTOGRAMS = "generator_service/fonts/pictograms/NotoSansSymbols2-pictograms.ttf"  # without digits


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"CAPTCHA_LENGTH": "0"}, "CAPTCHA_LENGTH must be an integer from 1 to 16, not 0"),
        ({"SYNTHETIC_MAX_LINES": "51"}, "SYNTHETIC_MAX_LINES: Input should be less than or equal"),
        ({"CAPTCHA_FONTS": "/missing.ttf"}, "the font /missing.ttf cannot be used: "),
        ({"CAPTCHA_FONTS": PICTOGRAMS}, "the font NotoSansSymbols2-pictograms.ttf cannot be used"),
        ({"CAPTCHA_WIDTH": "31"}, "CAPTCHA_WIDTH must be at least 32 for 4 characters"),
        ({"CAPTCHA_HEIGHT": "39"}, "CAPTCHA_HEIGHT must be at least 40 in the style current"),
        (
            {"CAPTCHA_TEXT_COLOR": "#000000"},
            "CAPTCHA_TEXT_COLOR must differ from CAPTCHA_BACKGROUND_COLOR by at least 20 of 255",
        ),
        (
            {"CAPTCHA_BACKGROUND_COLOR": "#606060"},
            "CAPTCHA_BACKGROUND_COLOR must not be #606060 with random text colours: 62% of the"
            " captchas, more than 10%, would have less than 20 of 255 grey levels between text and"
            " background; set CAPTCHA_TEXT_COLOR, or a lighter CAPTCHA_BACKGROUND_COLOR",
        ),
        ({"SYNTHETIC_FONTS": "/missing"}, "the font /missing cannot be used: "),
        ({"CAPTCHA_VOICES": "/missing"}, "the voice directory /missing does not exist"),
        ({"SYNTHETIC_FONTS": "docs"}, "no font in docs has all of the characters '0123456789'"),
    ],
)
def test_an_invalid_setting_ends_the_program_with_one_line(
    variables: dict[str, str], message: str
) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "generator_service"],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False,
        env=os.environ | variables,
    )  # fmt: skip
    assert result.returncode == 1
    assert result.stderr.startswith(f"generator: {message}")
    assert result.stderr.count("\n") == 1
