from __future__ import annotations

from dataclasses import replace

import pytest

from inference_service.errors import UnsupportedCaptchas
from inference_service.models.version_choice import choose_restriction
from shared.captchas.effects import Effects
from shared.captchas.restriction import Restriction
from shared.captchas.spec import CaptchaSpec
from shared.versions.manifest import IMAGE_FOLDER_KEY, FileRecord, Manifest
from tests.shared.sample_manifest import sample_draft

BASE = CaptchaSpec("0123456789ABC", length=8, min_length=3)


def manifest_of(spec: CaptchaSpec, **renderer: str) -> Manifest:
    draft = sample_draft(spec=spec.to_dict(), renderer=renderer)
    record = FileRecord(sha256="0", size_bytes=0)
    return Manifest(**draft.model_dump(), files={"saved_model.pb": record})


@pytest.mark.parametrize("source", ["volume", "bundled"])
def test_without_a_known_generator_a_version_predicts_what_it_was_trained_for(source: str) -> None:
    found = choose_restriction(manifest_of(BASE), source, None)
    assert found == Restriction.from_spec(BASE)


def test_a_published_version_predicts_the_captchas_that_it_was_trained_for() -> None:
    found = choose_restriction(manifest_of(BASE), "volume", BASE)
    assert found == Restriction.from_spec(BASE)
    with pytest.raises(UnsupportedCaptchas, match="it was trained for other captchas"):
        choose_restriction(manifest_of(BASE), "volume", CaptchaSpec())


def test_effects_distinguish_captchas_for_published_versions_but_not_for_the_bundled_model() -> (
    None
):
    noisy = replace(BASE, effects=Effects(noise_dots=60))
    for source, trained_for in (("volume", noisy), ("bundled", BASE)):
        found = choose_restriction(manifest_of(trained_for), source, noisy)
        assert found == Restriction.from_spec(BASE)
    for trained_for, generator in ((BASE, noisy), (noisy, BASE)):
        with pytest.raises(UnsupportedCaptchas, match="it was trained for other captchas"):
            choose_restriction(manifest_of(trained_for), "volume", generator)


def test_a_version_of_an_image_folder_predicts_its_images_whatever_the_generator_renders() -> None:
    manifest = manifest_of(BASE, **{IMAGE_FOLDER_KEY: "0123456789abcdef"})
    found = choose_restriction(manifest, "volume", CaptchaSpec("xyz"))
    assert found == Restriction.from_spec(BASE)


@pytest.mark.parametrize(
    "generator",
    [
        CaptchaSpec(),
        CaptchaSpec("CBA", length=8, min_length=3),
        CaptchaSpec("0", length=3, width=200, height=200, style="classic"),
        BASE,
    ],
)
def test_the_bundled_model_predicts_a_part_of_its_characters_and_lengths(
    generator: CaptchaSpec,
) -> None:
    found = choose_restriction(manifest_of(BASE), "bundled", generator)
    assert found == Restriction.from_spec(generator)


@pytest.mark.parametrize(
    ("generator", "reason"),
    [
        (CaptchaSpec("01+$"), "CAPTCHA_CHARSET contains '$+', which the bundled model does not"),
        (CaptchaSpec("01", 9), "CAPTCHA_LENGTH is 9, and the bundled model predicts 3 to 8 char"),
        (CaptchaSpec("01", 2), "CAPTCHA_LENGTH is 2, and the bundled model predicts 3 to 8 char"),
        (
            CaptchaSpec("01", 5, min_length=2),
            "CAPTCHA_MIN_LENGTH is 2, and the bundled model predicts 3 to 8 characters; a version"
            " is needed that is trained for it",
        ),
    ],
)
def test_what_the_bundled_model_cannot_predict_is_named_with_its_setting(
    generator: CaptchaSpec, reason: str
) -> None:
    with pytest.raises(UnsupportedCaptchas) as caught:
        choose_restriction(manifest_of(BASE), "bundled", generator)
    assert str(caught.value).startswith(reason)


def test_a_bundled_model_for_one_length_names_it() -> None:
    with pytest.raises(UnsupportedCaptchas, match="CAPTCHA_LENGTH is 5, and the bundled model pre"):
        choose_restriction(manifest_of(CaptchaSpec()), "bundled", CaptchaSpec(length=5))
