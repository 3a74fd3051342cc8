"""What the images to be labelled can show."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.captchas.spec import CaptchaSpec
from shared.settings import SettingsError
from shared.versions.bundled_model import BUNDLED_DIR
from trainer.labelling.options import LabelOptions

BUNDLED = CaptchaSpec("abc012", length=8, min_length=3)


def build(*arguments: str) -> CaptchaSpec:
    options = LabelOptions.parse(["folder", "--out", "out", *arguments])
    return options.build_spec(BUNDLED, (120, 40))


def test_what_is_not_given_is_as_in_the_bundled_model() -> None:
    spec = build()
    assert (spec.charset, spec.shortest, spec.length) == ("abc012", 3, 8)
    assert (spec.width, spec.height) == (120, 40)


@pytest.mark.parametrize(
    ("arguments", "shortest", "longest"),
    [
        (["--length", "5"], 5, 5),
        (["--length", "6", "--min-length", "4"], 4, 6),
        (["--min-length", "5"], 5, 8),
    ],
)
def test_a_length_alone_is_the_minimum_too(
    arguments: list[str], shortest: int, longest: int
) -> None:
    spec = build("--charset", "012", *arguments)
    assert (spec.charset, spec.shortest, spec.length) == ("012", shortest, longest)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--charset", "abx?"], r"--charset: version 0 does not know '\?x'"),
        (["--charset", "aa"], "charset repeats 'a'"),
        (["--charset", ""], "charset must contain"),
        (["--seed", "-1"], "--seed"),
        (["--length", "9"], "3 to 8 characters, not 9"),
        (["--length", "2"], "3 to 8 characters, not 2"),
        (["--length", "4", "--min-length", "5"], "min_length"),
    ],
)
def test_captchas_that_the_bundled_model_does_not_predict_are_refused(
    arguments: list[str], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        build(*arguments)


def test_the_version_is_the_bundled_model_or_a_published_one(tmp_path: Path) -> None:
    for version in (2, 3):
        (tmp_path / str(version)).mkdir()

    def find(*arguments: str) -> Path:
        return LabelOptions.parse(["folder", "--out", "out", *arguments]).find_version(tmp_path)

    assert find() == BUNDLED_DIR
    assert find("--version", "3") == tmp_path / "3"
    with pytest.raises(SettingsError, match=r"--version: there is no version 1; published: 2, 3"):
        find("--version", "1")
