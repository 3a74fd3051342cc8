"""The captcha spec: valid by construction, stable on disk."""

from __future__ import annotations

import dataclasses
import json

import pytest

from shared.captchas.effects import Effects
from shared.captchas.spec import (
    MAX_CHARSET,
    MAX_LENGTH,
    MAX_SIDE_PX,
    MIN_SIDE_PX,
    STYLES,
    CaptchaSpec,
    SpecError,
)

PRINTABLE = "".join(chr(code) for code in range(33, 127))
FORBIDDEN = '/\\_."'


def fails_with(**fields: object) -> str:
    with pytest.raises(SpecError) as caught:
        CaptchaSpec(**fields)  # type: ignore[arg-type]
    return str(caught.value)


def test_the_default_is_the_captcha_of_the_course() -> None:
    assert dataclasses.asdict(CaptchaSpec()) == {
        "effects": dataclasses.asdict(Effects()),
        "charset": "0123456789", "length": 4, "width": 160, "height": 60, "min_length": 4,
        "style": "current",
    }  # fmt: skip


def test_the_limits_are_the_documented_ones() -> None:
    assert (MAX_LENGTH, MAX_CHARSET, MIN_SIDE_PX, MAX_SIDE_PX) == (16, 94, 16, 1000)
    assert STYLES == (
        "current", "classic", "vintage", "synthetic", "gimpy", "line", "crowded",
    )  # fmt: skip
    assert issubclass(SpecError, ValueError)


def test_a_spec_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        CaptchaSpec().length = 5  # type: ignore[misc]


# Validation


@pytest.mark.parametrize(
    "fields",
    [
        {"charset": "0"},
        {"charset": "".join(c for c in PRINTABLE if c not in FORBIDDEN)},
        {"charset": "!~"},
        {"length": 1},
        {"length": 16},
        {"width": 16},
        {"width": 1000},
        {"height": 16},
        {"height": 1000},
        {"min_length": 1},
        {"min_length": 4},
        *({"style": style} for style in STYLES),
    ],
)
def test_values_at_the_limits_are_valid(fields: dict) -> None:
    spec = CaptchaSpec(**fields)
    for name, value in fields.items():
        assert getattr(spec, name) == value


RANGES = [
    ("length", "1 to 16", (0, 17, -1, 4.0, True, "4")),
    ("min_length", "1 to 4", (0, 5, 4.0, True)),
    ("width", "16 to 1000", (15, 1001, 160.0)),
    ("height", "16 to 1000", (15, 1001, 10**9)),
]


@pytest.mark.parametrize(
    ("name", "limits", "value"),
    [(name, limits, value) for name, limits, values in RANGES for value in values],
)
def test_a_number_outside_its_range_is_rejected(name: str, limits: str, value: object) -> None:
    assert fails_with(**{name: value}) == (
        f"{name} must be an integer from {limits}, not {value!r}"
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"charset": ""}, "charset must contain at least one character"),
        ({"charset": 5}, "charset must contain at least one character"),
        ({"charset": "x" * 95}, "charset has 95 characters, at most 94"),
        ({"charset": "x" * 94}, "charset repeats 'x': list each character once"),
        ({"charset": "0123401"}, "charset repeats '01': list each character once"),
        (
            {"style": "old"},
            "style must be current, classic, vintage, synthetic, gimpy, line or crowded, not 'old'",
        ),
        (
            {"style": None},
            "style must be current, classic, vintage, synthetic, gimpy, line or crowded, not None",
        ),
    ],
)
def test_an_invalid_field_is_rejected_with_its_value(fields: dict, message: str) -> None:
    assert fails_with(**fields) == message


@pytest.mark.parametrize("character", [*FORBIDDEN, " ", "\x7f", "\n", "\x00", "ä", "一"])
def test_a_character_that_a_label_cannot_contain_is_rejected(character: str) -> None:
    assert fails_with(charset=f"01{character}") == (
        f"charset contains {character!r}: a label can only contain printable ASCII"
        ' without space, / \\ _ . and "'
    )


def test_several_invalid_characters_are_named_in_order() -> None:
    assert fails_with(charset="z/ä a").startswith("charset contains ' /ä': ")


# Lengths and classes


def test_a_range_of_one_length_is_that_length() -> None:
    assert CaptchaSpec(min_length=4) == CaptchaSpec()
    assert CaptchaSpec(min_length=4).fingerprint == CaptchaSpec().fingerprint


@pytest.mark.parametrize(
    ("spec", "shortest", "described", "is_variable", "classes"),
    [
        (CaptchaSpec(), 4, "4", False, 10),
        (CaptchaSpec(min_length=4), 4, "4", False, 10),
        (CaptchaSpec(min_length=3), 3, "3 to 4", True, 11),
        (CaptchaSpec("abc", 6, min_length=1), 1, "1 to 6", True, 4),
    ],
)
def test_a_variable_length_adds_a_class_for_the_end(
    spec: CaptchaSpec, shortest: int, described: str, is_variable: bool, classes: int
) -> None:
    assert spec.shortest == shortest
    assert spec.length_range == described
    assert spec.is_variable is is_variable
    assert spec.classes == classes


# Identity and JSON


def test_equal_specs_have_equal_fingerprints_and_others_do_not() -> None:
    assert CaptchaSpec().fingerprint == CaptchaSpec().fingerprint
    others = [
        CaptchaSpec(charset="012345678"),
        CaptchaSpec(charset="1023456789"),
        CaptchaSpec(length=5),
        CaptchaSpec(width=128),
        CaptchaSpec(height=64),
        CaptchaSpec(min_length=3),
        *(CaptchaSpec(style=style) for style in STYLES[1:]),
    ]
    assert len({spec.fingerprint for spec in (CaptchaSpec(), *others)}) == 13


def test_the_fingerprint_of_the_default_never_changes() -> None:
    # Manifests and cached datasets contain it.
    assert CaptchaSpec().fingerprint == "080e6a8f6edd76ed"


def test_a_spec_survives_json() -> None:
    for spec in (CaptchaSpec("ABC", 2, 100, 40), CaptchaSpec("AB", 6, 100, 40, 4, "classic")):
        assert CaptchaSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_optional_fields_with_their_default_are_left_out() -> None:
    required = {"charset": "0123456789", "length": 4, "width": 160, "height": 60}
    assert CaptchaSpec().to_dict() == required
    assert CaptchaSpec.from_dict(required) == CaptchaSpec()
    assert CaptchaSpec(min_length=3).to_dict() == required | {"min_length": 3}
    assert CaptchaSpec(style="classic").to_dict() == required | {"style": "classic"}
    full = required | {"min_length": 4, "style": "current"}
    assert CaptchaSpec.from_dict(full) == CaptchaSpec()


@pytest.mark.parametrize("name", ["charset", "length", "width", "height"])
def test_a_missing_field_is_rejected(name: str) -> None:
    values = CaptchaSpec().to_dict()
    del values[name]
    with pytest.raises(SpecError) as caught:
        CaptchaSpec.from_dict(values)
    assert str(caught.value) == (
        "a spec has the fields charset, height, length, width and optionally effects, min_length,"
        f" style, not {', '.join(sorted(values))}"
    )


def test_an_unknown_field_is_rejected() -> None:
    with pytest.raises(SpecError, match=r"not charset, colour, height, length, width$"):
        CaptchaSpec.from_dict(CaptchaSpec().to_dict() | {"colour": 1})


# Texts


def text_error(spec: CaptchaSpec, text: str) -> str:
    with pytest.raises(SpecError) as caught:
        spec.check_text(text)
    return str(caught.value)


def test_a_text_of_another_length_is_rejected() -> None:
    CaptchaSpec().check_text("0123")
    assert text_error(CaptchaSpec(), "012") == "text has 3 characters, a captcha here has 4"
    assert text_error(CaptchaSpec(), "01234") == "text has 5 characters, a captcha here has 4"
    variable = CaptchaSpec(min_length=3)
    variable.check_text("012")
    variable.check_text("0123")
    assert text_error(variable, "01") == "text has 2 characters, a captcha here has 3 to 4"
    assert text_error(variable, "01234") == "text has 5 characters, a captcha here has 3 to 4"


def test_a_text_with_characters_outside_the_charset_is_rejected() -> None:
    assert text_error(CaptchaSpec(), "BA00") == (
        "text contains 'AB', which is not in the charset '0123456789'"
    )


def test_effects_are_part_of_the_spec_unless_they_are_the_default() -> None:
    assert CaptchaSpec().fingerprint == "080e6a8f6edd76ed"
    assert CaptchaSpec(effects=Effects()).to_dict() == CaptchaSpec().to_dict()
    spec = CaptchaSpec(effects=Effects(noise_dots=0, fonts=("A.ttf",)))
    assert spec.to_dict()["effects"] == {"noise_dots": 0, "fonts": ["A.ttf"]}
    assert spec.fingerprint != CaptchaSpec().fingerprint
    assert CaptchaSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


@pytest.mark.parametrize(
    ("effects", "message"),
    [
        ([1], r"effects must be an object, not \[1\]"),
        ({"warp": 9}, "warp must be a number from 0 to 3.0, not 9"),
        ({"speed": 9}, "effects has no speed"),
    ],
)
def test_invalid_effects_are_a_spec_error(effects: object, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        CaptchaSpec.from_dict(CaptchaSpec().to_dict() | {"effects": effects})


def test_only_the_styles_of_the_library_have_effects() -> None:
    effects = Effects(noise_curves=3)
    with pytest.raises(SpecError, match="noise_curves cannot be set: the style line has no"):
        CaptchaSpec(style="line", effects=effects)
    spec = CaptchaSpec(effects=effects)
    assert spec.with_style("classic") == CaptchaSpec(style="classic", effects=effects)
    assert spec.with_style("line") == CaptchaSpec(style="line")
