from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from shared.captchas.effects import Effects
from shared.captchas.spec import CaptchaSpec, SpecError
from shared.settings import SettingsError
from trainer.audit.options import EFFECTS, AuditOptions
from trainer.audit.thresholds import Limit

RUNNING = CaptchaSpec(
    charset="abc", length=6, min_length=4, width=120, height=50, effects=Effects(noise_dots=5)
)


def test_what_is_not_given_is_as_in_the_running_generator() -> None:
    assert AuditOptions.parse([]).build_spec(RUNNING) == RUNNING


def test_given_values_replace_those_of_the_running_generator() -> None:
    options = AuditOptions.parse(
        ["--charset", "0123", "--style", "classic", "--width", "200", "--warp", "2", "--rotation=0"]
    )

    spec = options.build_spec(RUNNING)

    assert (spec.charset, spec.style, spec.width, spec.height) == ("0123", "classic", 200, 50)
    assert spec.effects == Effects(noise_dots=5, warp=2.0, rotation=0)


@pytest.mark.parametrize(
    ("arguments", "shortest", "longest"),
    [
        (["--length", "5"], 5, 5),
        (["--length", "5", "--min-length", "3"], 3, 5),
        (["--min-length", "2"], 2, 6),
    ],
)
def test_a_length_without_a_minimum_is_fixed(
    arguments: list[str], shortest: int, longest: int
) -> None:
    spec = AuditOptions.parse(arguments).build_spec(RUNNING)

    assert (spec.shortest, spec.length) == (shortest, longest)


def test_a_style_without_effects_does_not_take_over_those_of_the_generator() -> None:
    spec = AuditOptions.parse(["--style", "synthetic"]).build_spec(RUNNING)

    assert spec.effects == Effects()


def test_effects_of_a_style_that_has_none_are_refused() -> None:
    options = AuditOptions.parse(["--style", "synthetic", "--warp", "2"])

    with pytest.raises(SpecError, match="warp cannot be set: the style synthetic has no effects"):
        options.build_spec(RUNNING)


def test_every_effect_is_an_option() -> None:
    assert list(EFFECTS) == [field.name for field in fields(Effects)]


def test_fonts_are_separated_by_commas() -> None:
    options = AuditOptions.parse(["--fonts", "A.ttf,B.otf"])

    assert options.build_spec(RUNNING).effects.fonts == ("A.ttf", "B.otf")


def test_a_file_holds_every_option_and_the_command_line_wins(tmp_path: Path) -> None:
    config = tmp_path / "audit.toml"
    config.write_text(
        'charset = "01"\nlength = 5\nnoise_curves = 0\ntext-color = "#000000"\n'
        'fonts = ["A.ttf"]\nquick = true\nname = "mine"\nfail_above = "0.5@100"\nseed = 7\n'
    )

    options = AuditOptions.parse(["--config", str(config), "--length", "3", "--thorough"])

    spec = options.build_spec(RUNNING)
    assert (spec.charset, spec.length) == ("01", 3)
    assert spec.effects == Effects(
        noise_dots=5, noise_curves=0, text_color="#000000", fonts=("A.ttf",)
    )
    assert (options.mode, options.name, options.seed) == ("thorough", "mine", 7)
    assert options.fail_above == Limit(0.5, 100)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--length", "x"], "--length: .* not 'x'"),
        (["--style", "nope"], "--style: .* not 'nope'"),
        (["--seed", "-1"], "--seed: .* not '-1'"),
        (["--warp", "9"], "--warp must be a number from 0 to 3.0, not 9"),
        (["--noise-dots", "many"], "--noise-dots must be an integer .* not 'many'"),
        (["--text-color", "red"], "--text-color must be random or #rrggbb .* not 'red'"),
        (["--fail-above", "1%"], "--fail-above: .*0.01@1000, not '1%'"),
        (["--fail-above", "0.1@50000"], "--fail-above: this audit measures up to 5,000 images"),
        (["--name", "../up"], "--name: .* not '../up'"),
        (["--image-folder", "x", "--warp", "2"], "--warp: not with --image-folder"),
        (["--config", "nowhere.toml"], "--config: nowhere.toml cannot be read"),
    ],
)
def test_an_invalid_option_is_named_with_its_value(arguments: list[str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        AuditOptions.parse(arguments)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("lengths = 4", "--lengths: there is no such option"),
        ('mode = "thorough"', "--mode: there is no such option"),
        ("[effects]\nwarp = 2", "--effects: there is no such option"),
        ("quick = true\nthorough = true", "--quick and --thorough exclude each other"),
        ("length = ", "--config: .* cannot be read"),
    ],
)
def test_an_invalid_file_is_refused(tmp_path: Path, content: str, message: str) -> None:
    config = tmp_path / "audit.toml"
    config.write_text(content)

    with pytest.raises(SettingsError, match=message):
        AuditOptions.parse(["--config", str(config)])


def test_an_unknown_option_ends_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        AuditOptions.parse(["--lengths", "4"])

    assert ended.value.code == 2
    assert "--lengths" in capsys.readouterr().err
