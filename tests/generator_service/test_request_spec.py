from __future__ import annotations

from dataclasses import replace

import pytest

from generator_service.errors import UnsupportedCharset
from generator_service.request_spec import choose_spec, restrict_charset
from shared.effects import Effects
from shared.spec import CaptchaSpec, SpecError

SPEC = CaptchaSpec()


def test_no_style_means_the_style_of_the_generator() -> None:
    classic = replace(SPEC, style="classic")
    assert choose_spec(classic, None) == choose_spec(SPEC, "classic") == classic


def test_a_style_without_effects_is_chosen_without_those_of_the_generator() -> None:
    noisy = replace(SPEC, effects=Effects(noise_dots=60))
    assert choose_spec(noisy, "classic") == replace(noisy, style="classic")
    assert choose_spec(noisy, "synthetic") == replace(SPEC, style="synthetic")


def test_a_charset_can_be_restricted_to_a_part_of_it() -> None:
    assert restrict_charset(SPEC, "17") == replace(SPEC, charset="17")


def test_a_charset_cannot_be_extended_emptied_or_repeated() -> None:
    with pytest.raises(UnsupportedCharset, match="charset contains 'Oa'"):
        restrict_charset(SPEC, "1aO")
    for charset in ("", "11"):
        with pytest.raises(SpecError, match="charset"):
            restrict_charset(SPEC, charset)
