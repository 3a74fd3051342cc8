"""A new version is compared with the best one for the same captchas."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from shared.captchas.spec import CaptchaSpec
from shared.versions.artifacts import publish
from shared.versions.manifest import Comparison
from tests.shared.sample_manifest import sample_draft, sample_metrics
from trainer.publishing.pruning import KEPT_VERSIONS, prune
from trainer.publishing.reference import find_reference

# No bundled model answers for it.
SPEC = CaptchaSpec("#+", 12)
OTHER = CaptchaSpec("#+", 11)


def publish_version(
    models: Path,
    spec: CaptchaSpec = SPEC,
    *,
    compared_with: int | None = None,
    difference: float = 0.0,
    renderer: dict[str, str] | None = None,
) -> int:
    source = models.parent / "source"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    (source / "saved_model.pb").write_bytes(b"model")
    comparison = None
    if compared_with is not None:
        comparison = Comparison(
            reference_version=compared_with,
            reference_accuracy=0.9,
            gained=1,
            lost=1,
            n=100,
            difference=difference,
            lower_bound_95=difference - 0.01,
        )
    metrics = sample_metrics().model_copy(update={"comparison": comparison})
    draft = sample_draft(metrics=metrics).model_copy(
        update={"spec": spec.to_dict(), "renderer": renderer or {"captcha": "1"}}
    )
    return publish(source, models, draft)


def find(models: Path, spec: CaptchaSpec = SPEC, is_image_folder: bool = False) -> int | None:
    reference = find_reference(models, spec, is_image_folder)
    return reference.version if reference else None


def test_without_a_version_for_these_captchas_there_is_no_reference(tmp_path: Path) -> None:
    assert find(tmp_path / "models") is None
    publish_version(tmp_path / "models", OTHER)
    assert find(tmp_path / "models") is None


def test_the_bundled_model_is_the_reference_for_captchas_that_it_answers(tmp_path: Path) -> None:
    assert find(tmp_path / "models", CaptchaSpec()) == 0
    assert find(tmp_path / "models", CaptchaSpec(), is_image_folder=True) == 0


def test_the_latest_version_is_the_reference_if_it_was_better(tmp_path: Path) -> None:
    models = tmp_path / "models"
    publish_version(models)
    assert find(models) == 1
    publish_version(models, compared_with=1, difference=0.01)
    assert find(models) == 2
    publish_version(models, replace(SPEC, charset="+*"))
    assert find(models) == 2


@pytest.mark.parametrize("difference", [0.0, -0.001])
def test_a_version_that_was_not_better_passes_its_reference_on(
    tmp_path: Path, difference: float
) -> None:
    models = tmp_path / "models"
    publish_version(models)
    publish_version(models, compared_with=1, difference=difference)
    publish_version(models, compared_with=1, difference=difference)
    assert find(models) == 1


def test_a_version_that_is_no_better_than_the_bundled_model_leaves_it_the_reference(
    tmp_path: Path,
) -> None:
    """Otherwise small losses would add up from the bundled model on."""
    models = tmp_path / "models"
    publish_version(models, CaptchaSpec(), compared_with=0, difference=-0.0005)
    assert find(models, CaptchaSpec()) == 0
    publish_version(models, CaptchaSpec(), compared_with=0, difference=0.0005)
    assert find(models, CaptchaSpec()) == 2


def test_a_reference_that_was_deleted_is_replaced_by_the_latest_version(tmp_path: Path) -> None:
    models = tmp_path / "models"
    publish_version(models)
    publish_version(models, compared_with=1, difference=-0.001)
    shutil.rmtree(models / "1")
    assert find(models) == 2


def test_a_damaged_version_is_no_reference(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    models = tmp_path / "models"
    publish_version(models)
    publish_version(models)
    (models / "2" / "saved_model.pb").write_bytes(b"")
    assert find(models) == 1
    assert caplog.messages[0].startswith("version 2 is ignored")


def test_versions_of_an_image_folder_are_compared_with_each_other(tmp_path: Path) -> None:
    models = tmp_path / "models"
    publish_version(models, renderer={"image_folder": "a"})
    assert find(models, is_image_folder=True) == 1
    assert find(models, is_image_folder=False) is None


def test_only_the_newest_versions_for_the_same_captchas_and_the_best_one_are_kept(
    tmp_path: Path,
) -> None:
    models = tmp_path / "models"
    other = publish_version(models, OTHER)
    best = publish_version(models)
    folder = publish_version(models, renderer={"image_folder": "a"})
    newer = [
        publish_version(models, compared_with=best, difference=0) for _ in range(KEPT_VERSIONS + 2)
    ]
    reference = find_reference(models, SPEC, is_image_folder=False)
    assert reference is not None
    assert prune(models, reference.manifest, reference) == newer[:2]
    remaining = {other, best, folder, *newer[2:]}
    assert {int(path.name) for path in models.iterdir() if path.name.isdecimal()} == remaining
    assert prune(models, reference.manifest, None) == [best]
