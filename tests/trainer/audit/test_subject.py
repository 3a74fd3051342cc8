from __future__ import annotations

from pathlib import Path

import pytest

from shared.captchas.effects import Effects
from shared.captchas.spec import CaptchaSpec, SpecError
from shared.versions.version_index import is_audit_name
from tests.trainer.audit.fake_generator import FakeGenerator
from tests.trainer.audit.folders import write_images
from trainer.audit.options import AuditOptions
from trainer.audit.plan import TEST_CAPTCHAS
from trainer.audit.subject import Subject, build_name, find_subject, name_report
from trainer.errors import AuditError, GeneratorError
from trainer.settings import TrainerSettings

pytestmark = pytest.mark.usefixtures("no_settings")
RUNNING = CaptchaSpec(width=20, height=16)


def find(client: FakeGenerator, tmp_path: Path, **options: str) -> Subject:
    settings = TrainerSettings(data_dir=tmp_path, generator_timeout_s=0)
    return find_subject(AuditOptions.build({"quick": True} | options), client, settings)


def test_captchas_to_test_on_have_another_seed_and_no_common_pixels(tmp_path: Path) -> None:
    client = FakeGenerator(RUNNING)

    captchas = find(client, tmp_path).captchas

    assert len({request.seed for request in client.requests}) == len(client.requests) == 2
    assert len(captchas.test) == TEST_CAPTCHAS["quick"]
    train = {image.tobytes() for image in captchas.train.images[:]}
    assert not train & {image.tobytes() for image in captchas.test.images[:]}


def test_rendered_captchas_that_equal_a_test_captcha_are_not_trained_on(tmp_path: Path) -> None:
    subject = find(FakeGenerator(RUNNING, different=200_000), tmp_path)

    assert subject.captchas.left_out > 0
    assert "were equal to a test captcha" in subject.warnings[0]
    train = {image.tobytes() for image in subject.captchas.train.images[:]}
    assert not train & {image.tobytes() for image in subject.captchas.test.images[:]}


def test_a_setting_with_few_different_captchas_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="4 of '0123456789' have too few different images"):
        find(FakeGenerator(RUNNING, different=1_000), tmp_path)


def test_a_setting_that_cannot_be_rendered_is_refused_before_anything_is_rendered(
    tmp_path: Path,
) -> None:
    client = FakeGenerator(
        RUNNING, reject=lambda spec: "the font lacks 'ä'" if spec.charset == "ab" else None
    )

    with pytest.raises(GeneratorError, match="the font lacks"):
        find(client, tmp_path, charset="ab")
    assert not client.requests


def test_a_setting_that_is_no_spec_is_refused_by_name(tmp_path: Path) -> None:
    client = FakeGenerator(RUNNING)

    with pytest.raises(SpecError, match="charset repeats 'a'"):
        find(client, tmp_path, charset="aa")
    assert not client.requests


def test_each_protection_is_switched_off_and_doubled(tmp_path: Path) -> None:
    protections = find(FakeGenerator(RUNNING), tmp_path).protections

    changes = {(p.name, p.change): p.spec.effects for p in protections}
    assert changes["noise_curves", "off"] == Effects(noise_curves=0)
    assert changes["warp", "doubled"] == Effects(warp=2.0)
    assert len(changes) == len(list(Effects().changes()))


def test_a_change_that_cannot_be_rendered_is_a_warning(tmp_path: Path) -> None:
    def reject(spec: CaptchaSpec) -> str | None:
        return "the text is too wide" if spec.effects.overlap == 0 else None

    subject = find(FakeGenerator(RUNNING, reject=reject), tmp_path)

    assert ("overlap", "off") not in {(p.name, p.change) for p in subject.protections}
    assert any(
        "overlap off was not measured" in warning and "too wide" in warning
        for warning in subject.warnings
    )


def test_a_style_without_effects_has_no_protections_to_change(tmp_path: Path) -> None:
    subject = find(FakeGenerator(RUNNING), tmp_path, style="synthetic")

    assert subject.protections == ()
    assert "the style synthetic has no effects" in subject.warnings[0]


def test_characters_that_the_bundled_model_does_not_know_are_a_warning(tmp_path: Path) -> None:
    subject = find(FakeGenerator(RUNNING), tmp_path, charset="01?")

    assert any("does not know the characters '?'" in warning for warning in subject.warnings)


def test_the_captchas_are_kept_apart_from_those_of_trainings_and_removed(tmp_path: Path) -> None:
    client = FakeGenerator(RUNNING)
    renderer = find(client, tmp_path).renderer
    assert renderer is not None
    (cache,) = client.caches
    (cache / "seed").mkdir(parents=True)

    renderer.clear()

    assert cache.parent == tmp_path / "audits"
    assert not cache.exists()


def test_names_say_what_was_audited() -> None:
    spec = CaptchaSpec(length=6, min_length=4, style="classic")

    assert build_name(spec) == "classic-4to6of10-160x60"
    changed = CaptchaSpec(effects=Effects(warp=2))
    assert build_name(changed).startswith("current-4of10-160x60-")


def test_other_characters_and_effects_have_other_names() -> None:
    specs = [
        CaptchaSpec(),
        CaptchaSpec(charset="ABCDEFGHIJ"),
        CaptchaSpec(charset="KLMNOPQRST"),
        CaptchaSpec(effects=Effects(warp=2)),
        CaptchaSpec(charset="ABCDEFGHIJ", effects=Effects(warp=2)),
    ]

    names = {build_name(spec) for spec in specs}

    assert len(names) == len(specs)
    assert all(is_audit_name(name) for name in names)


def test_each_mode_has_a_report_of_its_own(tmp_path: Path) -> None:
    names = {
        mode: name_report(AuditOptions.build({mode: True}), "current-4of10-160x60")
        for mode in ("quick", "thorough")
    }

    assert names["quick"] == "current-4of10-160x60-quick"
    assert names["thorough"] == "current-4of10-160x60-thorough"
    assert name_report(AuditOptions.build({}), "current-4of10-160x60") == "current-4of10-160x60"
    assert name_report(AuditOptions.build({"quick": True, "name": "mine"}), "folder") == "mine"
    assert find(FakeGenerator(RUNNING), tmp_path).setting.name == "current-4of10-20x16-quick"


def test_a_long_folder_name_gives_a_valid_name_of_the_report(tmp_path: Path) -> None:
    folder = tmp_path / ("images " * 20)
    folder.mkdir()
    write_images(folder, 200)
    options = AuditOptions.build({"thorough": True, "image_folder": folder})

    settings = TrainerSettings(data_dir=tmp_path, generator_timeout_s=0)
    name = find_subject(options, FakeGenerator(RUNNING), settings).setting.name

    assert name.endswith("-thorough")
    assert is_audit_name(name)
