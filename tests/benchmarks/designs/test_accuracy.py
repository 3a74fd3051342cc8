"""Predictions of a design are counted, by fakes and by the bundled model."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from shared.captchas.restriction import Restriction
from shared.captchas.spec import CaptchaSpec
from shared.versions.artifacts import verify
from tests.benchmarks.designs.accuracy import count_correct, measure
from tests.benchmarks.designs.pictures import Pictures
from tests.benchmarks.designs.recognisers import VersionRecogniser, _narrow, decode_ctc
from tests.benchmarks.servers import BUNDLED

DIGITS = Restriction("0123456789", 4, 4)


def test_a_text_of_another_length_a_prefix_and_a_rejected_picture_are_wrong() -> None:
    accuracy = count_correct(["abc", "ab", "abcd", None, "ABC"], ["abc"] * 5)
    assert (accuracy.accuracy, accuracy.n) == (0.2, 5)
    low, high = accuracy.accuracy_interval_95
    assert low < 0.2 < high


def test_every_picture_is_predicted_with_the_restriction_of_the_design() -> None:
    seen: list[Restriction] = []

    def predict(files: Sequence[bytes], restriction: Restriction) -> list[str | None]:
        seen.append(restriction)
        return [file.decode() for file in files]

    pictures = Pictures(Path(), ["1", "2", "3"], [b"1", b"2", b"x"])
    measurement = measure(predict, pictures, DIGITS)
    assert measurement.accuracy.accuracy == pytest.approx(2 / 3)
    assert measurement.pictures_per_s > 0
    assert set(seen) == {DIGITS}


def test_ctc_repeats_are_one_character_unless_a_blank_is_between() -> None:
    symbols = ["", "a", "b", "c"]
    steps = [1, 1, 0, 1, 2, 2, 0, 0]
    assert decode_ctc(np.eye(4)[steps], symbols, "abc") == "aab"


def test_ctc_chooses_among_the_charset_only() -> None:
    scores = np.array([[0.1, 0.2, 0.0, 0.7], [0.3, 0.0, 0.2, 0.5]])
    assert decode_ctc(scores, ["", "a", "b", "c"], "ba") == "a"


def test_a_version_is_restricted_to_what_it_and_the_design_allow() -> None:
    spec = CaptchaSpec("0123abc", 6, min_length=4)
    assert _narrow(Restriction("abcdef", 3, 5), spec) == Restriction("abc", 4, 5)
    for impossible in (Restriction("xyz", 4, 4), Restriction("abc", 1, 3)):
        with pytest.raises(ValueError, match="the version predicts 4 to 6 of '0123abc'"):
            _narrow(impossible, spec)


def test_the_bundled_model_predicts_a_picture_and_rejects_what_is_none() -> None:
    manifest = verify(BUNDLED)
    picture = base64.b64decode(manifest.golden.image)
    restriction = Restriction.from_spec(manifest.captcha_spec)
    texts = VersionRecogniser(BUNDLED).predict([picture, b"no picture"], restriction)
    assert texts == [manifest.golden.text, None]
