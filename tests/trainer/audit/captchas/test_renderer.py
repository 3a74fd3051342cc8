from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from shared.captchas.effects import Effects
from shared.captchas.spec import CaptchaSpec
from tests.conftest import SPEC
from trainer.audit.captchas.renderer import AuditRenderer
from trainer.data.generator_client import GeneratorClient
from trainer.errors import GeneratorError

CHANGED = replace(SPEC, effects=Effects(noise_dots=0))


@pytest.fixture
def renderer(generator: httpx.Client, tmp_path: Path) -> AuditRenderer:
    client = GeneratorClient(generator, tmp_path / "training")
    return AuditRenderer(client, tmp_path / "audit", seed=1, tested=100)


def test_a_changed_protection_has_the_same_texts_and_other_pixels(renderer: AuditRenderer) -> None:
    unchanged, changed = (renderer.fetch(spec, labelled=50) for spec in (SPEC, CHANGED))

    for name in ("train", "test"):
        before, after = getattr(unchanged, name), getattr(changed, name)
        assert (before.labels == after.labels).all()
        assert (before.images[:] != after.images[:]).any(axis=(1, 2)).all()


def test_a_captcha_without_noise_is_estimated_as_more_legible(renderer: AuditRenderer) -> None:
    noisy, silent = (
        renderer.estimate_legibility(replace(SPEC, effects=effects))
        for effects in (Effects(noise_dots=100), Effects(noise_dots=0, noise_curves=0))
    )

    assert noisy is not None
    assert silent is not None
    assert noisy.estimate < silent.estimate


def test_the_captchas_of_an_audit_are_removed_and_those_of_trainings_kept(
    renderer: AuditRenderer, tmp_path: Path
) -> None:
    (tmp_path / "training").mkdir()
    renderer.fetch(SPEC, labelled=50)
    assert list((tmp_path / "audit").rglob("*.npz"))

    renderer.clear()

    assert [path.name for path in tmp_path.iterdir()] == ["training"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (CaptchaSpec(length=10, width=40), "width must be at least 80 for 10 characters"),
        (CaptchaSpec(effects=Effects(fonts=("Nowhere.ttf",))), "there is no Nowhere.ttf"),
    ],
)
def test_captchas_that_cannot_be_rendered_are_refused_by_name(
    renderer: AuditRenderer, spec: CaptchaSpec, message: str
) -> None:
    with pytest.raises(GeneratorError, match=message):
        renderer.fetch(spec, labelled=50)
