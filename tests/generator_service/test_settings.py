from __future__ import annotations

from pathlib import Path

import pytest

from generator_service.settings import Settings, SyntheticSettings
from generator_service.synthetic.options import SyntheticOptions
from shared.captchas.effects import Effects
from shared.captchas.spec import CaptchaSpec
from shared.settings import SettingsError, count_cores


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields.values():
        assert isinstance(field.validation_alias, str)
        monkeypatch.delenv(field.validation_alias, raising=False)
    for name in SyntheticOptions.model_fields:
        monkeypatch.delenv(f"SYNTHETIC_{name.upper()}", raising=False)


def test_the_defaults_are_the_captchas_of_the_course_on_all_cores() -> None:
    settings = Settings.load()
    assert settings.spec == CaptchaSpec("0123456789", 4, 160, 60)
    assert settings.fonts == settings.synthetic_fonts == ()
    assert settings.processes == min(count_cores(), 40)
    assert settings.max_dataset == 100_000
    assert settings.log_requests == "problems"
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)


def test_every_setting_is_read_from_its_environment_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    variables = {
        "CAPTCHA_CHARSET": "ABC",
        "CAPTCHA_LENGTH": "5",
        "CAPTCHA_MIN_LENGTH": "3",
        "CAPTCHA_STYLE": "classic",
        "CAPTCHA_WIDTH": "128",
        "CAPTCHA_HEIGHT": "64",
        "CAPTCHA_NOISE_DOTS": "5",
        "CAPTCHA_NOISE_CURVES": "2",
        "CAPTCHA_ROTATION": "10",
        "CAPTCHA_WARP": "0.5",
        "CAPTCHA_OFFSET": "2",
        "CAPTCHA_OVERLAP": "0.1",
        "CAPTCHA_TEXT_COLOR": "#112233",
        "CAPTCHA_BACKGROUND_COLOR": "#ffffff",
        "CAPTCHA_FONT_DIRECTORY": "/fonts",
        "CAPTCHA_FONTS": "/fonts/a.ttf /fonts/b.ttf",
        "CAPTCHA_VOICES": "/voices",
        "SYNTHETIC_FONTS": "/usr/share/fonts /fonts/a.ttf",
        "RENDER_PROCESSES": "3",
        "MAX_DATASET": "70",
        "LOG_REQUESTS": "all",
        "GENERATOR_HOST": "0.0.0.0",
        "GENERATOR_PORT": "9000",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings = Settings.load()
    effects = Effects(5, 2, 10, 0.5, 2.0, 0.1, "#112233", "#ffffff")
    assert settings.spec == CaptchaSpec("ABC", 5, 128, 64, 3, "classic", effects)
    assert settings.font_directory == Path("/fonts")
    assert settings.fonts == ("/fonts/a.ttf", "/fonts/b.ttf")
    assert settings.synthetic_fonts == ("/usr/share/fonts", "/fonts/a.ttf")
    assert settings.voices == Path("/voices")
    assert (settings.processes, settings.max_dataset, settings.log_requests) == (3, 70, "all")
    assert (settings.host, settings.port) == ("0.0.0.0", 9000)
    assert {field.validation_alias for field in Settings.model_fields.values()} == set(variables)


def test_the_options_of_the_synthetic_style_are_read_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert SyntheticSettings.load().model_dump() == SyntheticOptions().model_dump()
    options = {
        "max_rotation_deg": 10.5,
        "max_overlap": 0.0,
        "max_lines": 2,
        "max_dots": 7,
        "max_noise": 3.0,
        "max_warp": 0.01,
        "inverted_fraction": 1.0,
    }
    for name, value in options.items():
        monkeypatch.setenv(f"SYNTHETIC_{name.upper()}", str(value))
    settings = SyntheticSettings.load()
    assert settings.model_dump() == options
    assert SyntheticOptions(**options).model_dump() == options  # these are all


def test_an_empty_variable_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTCHA_LENGTH", "")
    monkeypatch.setenv("CAPTCHA_FONTS", "")
    monkeypatch.setenv("SYNTHETIC_MAX_LINES", "")
    assert Settings.load() == Settings.load(length=4, fonts=())
    assert SyntheticSettings.load().max_lines == SyntheticOptions().max_lines


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("CAPTCHA_LENGTH", "four", "CAPTCHA_LENGTH: Input should be a valid integer.*'four'"),
        (
            "CAPTCHA_STYLE",
            "old",
            "CAPTCHA_STYLE: .* 'current', .*, 'line' or 'crowded', not 'old'",
        ),
        ("CAPTCHA_LENGTH", "0", "CAPTCHA_LENGTH must be an integer from 1 to 16, not 0"),
        ("CAPTCHA_MIN_LENGTH", "6", "CAPTCHA_MIN_LENGTH must be an integer from 1 to 4, not 6"),
        ("CAPTCHA_ROTATION", "91", "CAPTCHA_ROTATION must be an integer from 0 to 90, not 91"),
        ("CAPTCHA_TEXT_COLOR", "red", "CAPTCHA_TEXT_COLOR must be random or #rrggbb.*, not 'red'"),
        ("CAPTCHA_CHARSET", "0110", "CAPTCHA_CHARSET repeats '01'"),
        ("RENDER_PROCESSES", "0", "RENDER_PROCESSES: .* greater than or equal to 1, not '0'"),
        ("RENDER_PROCESSES", "257", "RENDER_PROCESSES: .* less than or equal to 256, not '257'"),
        ("MAX_DATASET", "0", "MAX_DATASET: .* greater than or equal to 1, not '0'"),
        ("GENERATOR_PORT", "99999", "GENERATOR_PORT: .* less than or equal to 65535, not '99999'"),
        ("LOG_REQUESTS", "some", "LOG_REQUESTS: Input should be 'all' or 'problems', not 'some'"),
    ],
)
def test_an_error_names_the_variable_what_it_must_be_and_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=message):
        Settings.load()


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"CAPTCHA_STYLE": "gimpy", "CAPTCHA_NOISE_DOTS": "3", "CAPTCHA_WARP": "2"},
            "CAPTCHA_NOISE_DOTS, CAPTCHA_WARP cannot be set: the style gimpy has no effects",
        ),
        (
            {"CAPTCHA_STYLE": "line", "CAPTCHA_BACKGROUND_COLOR": "#ffffff"},
            "CAPTCHA_BACKGROUND_COLOR cannot be set: the style line has no effects",
        ),
        (
            {"CAPTCHA_TEXT_COLOR": "#112233", "CAPTCHA_BACKGROUND_COLOR": "#112233"},
            "CAPTCHA_TEXT_COLOR must differ from CAPTCHA_BACKGROUND_COLOR, not '#112233'",
        ),
    ],
)
def test_an_error_about_several_settings_names_the_variable_of_each(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], message: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=message):
        Settings.load()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("MAX_ROTATION_DEG", "91", "less than or equal to 90, not '91'"),
        ("MAX_OVERLAP", "0.6", "less than or equal to 0.5, not '0.6'"),
        ("MAX_LINES", "-1", "greater than or equal to 0, not '-1'"),
        ("MAX_DOTS", "2001", "less than or equal to 2000, not '2001'"),
        ("MAX_NOISE", "some", "valid number, .* not 'some'"),
        ("MAX_WARP", "0.31", "less than or equal to 0.3, not '0.31'"),
        ("INVERTED_FRACTION", "1.1", "less than or equal to 1, not '1.1'"),
    ],
)
def test_an_invalid_option_of_the_synthetic_style_is_named_with_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(f"SYNTHETIC_{name}", value)
    with pytest.raises(SettingsError, match=f"SYNTHETIC_{name}: .*{message}"):
        SyntheticSettings.load()
