from __future__ import annotations

import pytest

from shared.spec import CaptchaSpec, SpecError


def test_equal_specs_have_equal_fingerprints_and_others_do_not() -> None:
    assert CaptchaSpec().fingerprint == CaptchaSpec().fingerprint
    others = [
        CaptchaSpec(charset="012345678"),
        CaptchaSpec(charset="1023456789"),
        CaptchaSpec(length=5),
        CaptchaSpec(width=128),
        CaptchaSpec(height=64),
    ]
    assert len({spec.fingerprint for spec in (CaptchaSpec(), *others)}) == 6


def test_the_fingerprint_of_the_default_never_changes() -> None:
    # Manifests and caches on people's disks carry it.
    assert CaptchaSpec().fingerprint == "080e6a8f6edd76ed"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"charset": ""}, "at least one character"),
        ({"charset": "0123401"}, "repeats '01'"),
        ({"charset": "x" * 300_000}, "charset has 300000 characters, at most 94"),
        ({"charset": "01 2"}, "holds ' '"),
        ({"charset": "01ä"}, "holds 'ä'"),
        ({"charset": "a/b"}, "holds '/'"),
        ({"length": 0}, "length must be a whole number from 1 to 16, not 0"),
        ({"length": 17}, "not 17"),
        ({"length": 4.0}, "not 4.0"),
        ({"length": True}, "not True"),
        ({"width": 5}, "width must be a whole number from 16 to 1000, not 5"),
        ({"height": 10**9}, "height must be"),
    ],
)
def test_an_impossible_spec_is_refused_with_a_sentence(fields: dict, sentence: str) -> None:
    with pytest.raises(SpecError) as caught:
        CaptchaSpec(**fields)
    assert sentence in str(caught.value)


def test_a_spec_survives_json() -> None:
    spec = CaptchaSpec("ABC", 2, 100, 40)
    assert CaptchaSpec.from_dict(spec.to_dict()) == spec


@pytest.mark.parametrize("change", [{"colour": 1}, {"length": None}])
def test_unknown_and_missing_fields_are_refused(change: dict) -> None:
    values = CaptchaSpec().to_dict() | change
    if change.get("length", 0) is None:
        del values["length"]
    with pytest.raises(SpecError, match="a spec has the fields charset, height, length, width"):
        CaptchaSpec.from_dict(values)


def test_a_text_of_another_length_or_alphabet_is_refused() -> None:
    CaptchaSpec().check_text("0123")
    with pytest.raises(SpecError, match="text has 3 characters, a captcha here has 4"):
        CaptchaSpec().check_text("012")
    with pytest.raises(SpecError, match="'AB', which is not in the charset '0123456789'"):
        CaptchaSpec().check_text("BA00")
