from __future__ import annotations

import captcha.image
import pytest

from shared.captchas.effects import Effects, EffectsError
from shared.captchas.spec import SpecError


def test_the_defaults_are_those_of_the_library() -> None:
    library, effects = captcha.image.ImageCaptcha, Effects()
    assert library.character_rotate == (-effects.rotation, effects.rotation)
    assert library.word_offset_dx == effects.overlap
    parameters = library.create_noise_dots.__defaults__
    assert parameters is not None
    assert parameters[-1] == effects.noise_dots


def test_only_changed_effects_are_written_and_read() -> None:
    assert Effects().to_dict() == {}
    effects = Effects(noise_dots=0, warp=0.5, text_color="#000000", fonts=("A.ttf",))
    values = {"noise_dots": 0, "warp": 0.5, "text_color": "#000000", "fonts": ["A.ttf"]}
    assert effects.to_dict() == values
    assert Effects.from_dict(values) == effects


def test_integers_and_floats_of_equal_value_are_equal_effects() -> None:
    assert Effects(warp=2).to_dict() == {"warp": 2.0}
    assert str(Effects(warp=2).to_dict()["warp"]) == "2.0"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"noise_dots": -1}, "noise_dots must be an integer from 0 to 1000, not -1"),
        ({"noise_dots": 1001}, "noise_dots must be an integer from 0 to 1000, not 1001"),
        ({"noise_curves": 1.5}, "noise_curves must be an integer from 0 to 20, not 1.5"),
        ({"rotation": True}, "rotation must be an integer from 0 to 90, not True"),
        ({"warp": float("nan")}, "warp must be a number from 0 to 3.0, not nan"),
        ({"overlap": "much"}, "overlap must be a number from 0 to 0.75, not 'much'"),
        ({"text_color": "red"}, "text_color must be random or #rrggbb in lower case, not 'red'"),
        (
            {"text_color": "#112233", "background_color": "#112233"},
            "text_color must differ from background_color, not '#112233'",
        ),
        ({"fonts": ["/etc/A.ttf"]}, "without a directory, not '/etc/A.ttf'"),
        ({"fonts": ["..ttf"]}, "without a directory, not '..ttf'"),
        ({"fonts": "A.ttf"}, "fonts must be a list of at most 100 names"),
        ({"blur": 1, "dots": 2}, "effects has no blur, dots, only noise_dots, "),
    ],
)
def test_an_invalid_effect_is_named_with_its_value(values: dict, message: str) -> None:
    with pytest.raises(EffectsError) as error:
        Effects.from_dict(values)
    assert message in str(error.value)


def test_an_error_is_that_of_a_spec() -> None:
    with pytest.raises(SpecError, match=r"warp must be a number from 0 to 3\.0, not 4"):
        Effects(warp=4)


def test_each_protection_is_switched_off_and_doubled_alone() -> None:
    changes = {(name, change): effects.to_dict() for name, change, effects in Effects().changes()}
    assert changes == {
        ("noise_dots", "off"): {"noise_dots": 0},
        ("noise_dots", "doubled"): {"noise_dots": 60},
        ("noise_curves", "off"): {"noise_curves": 0},
        ("noise_curves", "doubled"): {"noise_curves": 2},
        ("rotation", "off"): {"rotation": 0},
        ("rotation", "doubled"): {"rotation": 60},
        ("warp", "off"): {"warp": 0.0},
        ("warp", "doubled"): {"warp": 2.0},
        ("overlap", "off"): {"overlap": 0.0},
        ("overlap", "doubled"): {"overlap": 0.5},
    }


def test_a_change_that_changes_nothing_is_left_out_and_none_exceeds_the_limit() -> None:
    effects = Effects(noise_dots=0, rotation=60, warp=3.0)
    found = {(name, change): effects for name, change, effects in effects.changes()}
    assert not {("noise_dots", "off"), ("noise_dots", "doubled"), ("warp", "doubled")} & set(found)
    assert found["rotation", "doubled"].rotation == 90
