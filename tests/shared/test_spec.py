from __future__ import annotations

import json

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
        CaptchaSpec(min_length=3),
        CaptchaSpec(drawing="classic"),
    ]
    assert len({spec.fingerprint for spec in (CaptchaSpec(), *others)}) == 8


def test_a_range_of_one_length_is_that_length() -> None:
    assert CaptchaSpec(min_length=4) == CaptchaSpec()
    assert CaptchaSpec(min_length=4).fingerprint == CaptchaSpec().fingerprint
    assert (CaptchaSpec().classes, CaptchaSpec(min_length=3).classes) == (10, 11)


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
        ({"min_length": 0}, "min_length must be a whole number from 1 to 4, not 0"),
        ({"min_length": 5}, "from 1 to 4, not 5"),
        ({"drawing": "old"}, "drawing must be current or classic, not 'old'"),
    ],
)
def test_an_impossible_spec_is_refused_with_a_sentence(fields: dict, sentence: str) -> None:
    with pytest.raises(SpecError) as caught:
        CaptchaSpec(**fields)
    assert sentence in str(caught.value)


def test_a_spec_survives_json() -> None:
    for spec in (CaptchaSpec("ABC", 2, 100, 40), CaptchaSpec("AB", 6, 100, 40, 4, "classic")):
        assert CaptchaSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_what_was_written_before_the_later_fields_came_is_read() -> None:
    old = {"charset": "0123456789", "length": 4, "width": 160, "height": 60}
    assert CaptchaSpec.from_dict(old) == CaptchaSpec()
    assert CaptchaSpec().to_dict() == old


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
    varied = CaptchaSpec(min_length=3)
    varied.check_text("012")
    with pytest.raises(SpecError, match="text has 2 characters, a captcha here has 3 to 4"):
        varied.check_text("01")
