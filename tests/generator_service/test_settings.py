from __future__ import annotations

import pytest

from generator_service.settings import Settings
from shared.environment import SettingsError, count_cores
from shared.spec import CaptchaSpec


def test_the_defaults_are_the_course_captchas_on_all_cores() -> None:
    settings = Settings.from_environment({})
    assert settings.spec == CaptchaSpec("0123456789", 4, 160, 60)
    assert settings.fonts == ()
    assert settings.processes == count_cores()


def test_the_environment_decides_captchas_and_fonts() -> None:
    settings = Settings.from_environment(
        {
            "CAPTCHA_CHARSET": "ABC",
            "CAPTCHA_LENGTH": "5",
            "CAPTCHA_MIN_LENGTH": "3",
            "CAPTCHA_DRAWING": "classic",
            "CAPTCHA_WIDTH": "128",
            "CAPTCHA_HEIGHT": "64",
            "CAPTCHA_FONTS": "/fonts/a.ttf /fonts/b.ttf",
        }
    )
    assert settings.spec == CaptchaSpec("ABC", 5, 128, 64, 3, "classic")
    assert settings.fonts == ("/fonts/a.ttf", "/fonts/b.ttf")


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"CAPTCHA_LENGTH": "four"}, "CAPTCHA_LENGTH must be a whole number, not 'four'"),
        ({"CAPTCHA_DRAWING": "old"}, "CAPTCHA_DRAWING must be .*'old'"),
        ({"CAPTCHA_MIN_LENGTH": "6"}, "min_length must be a whole number from 1 to 4, not 6"),
        ({"RENDER_PROCESSES": "0"}, "RENDER_PROCESSES must be from 1 to 256, not 0"),
        ({"GENERATOR_PORT": "99999"}, "GENERATOR_PORT must be from 1 to 65535, not 99999"),
    ],
)
def test_a_wrong_setting_names_its_key(environment: dict[str, str], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        Settings.from_environment(environment)


def test_an_impossible_captcha_is_refused_at_the_start() -> None:
    with pytest.raises(SettingsError, match=r"CAPTCHA_\* .* length must be"):
        Settings.from_environment({"CAPTCHA_LENGTH": "0"})
