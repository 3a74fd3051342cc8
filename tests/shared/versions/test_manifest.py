"""The manifest: typed, frozen, and stable on disk."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from shared.captchas.spec import CaptchaSpec, SpecError
from shared.versions.artifacts import read_manifest
from shared.versions.manifest import (
    Accuracy,
    Confusion,
    FileRecord,
    GoldenSample,
    Manifest,
    ManifestDraft,
    Metrics,
)
from tests.shared.sample_manifest import sample_draft, sample_metrics

ROOT = Path(__file__).parents[3]
FILES = {"saved_model.pb": FileRecord(sha256="ab" * 32, size_bytes=5)}


def sample_manifest() -> Manifest:
    return Manifest(**sample_draft().model_dump(), files=FILES)


def test_a_manifest_survives_json() -> None:
    manifest = sample_manifest()
    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest


def test_the_json_has_the_documented_fields() -> None:
    body = json.loads(sample_manifest().model_dump_json())
    assert set(body) == {
        "format", "created", "training_fingerprint", "spec", "renderer", "config", "metrics",
        "libraries", "golden", "files",
    }  # fmt: skip
    assert set(body["metrics"]) == {
        "accuracy", "accuracy_interval_95", "n", "by_subset", "character_accuracy",
        "most_confused", "parameters", "training_s", "images_per_s", "epochs", "stop_reason",
        "calibration", "comparison",
    }  # fmt: skip
    assert body["format"] == 3
    assert body["files"] == {"saved_model.pb": {"sha256": "ab" * 32, "size_bytes": 5}}
    assert body["golden"] == {"image": "aW1hZ2U=", "text": "0000", "probabilities": [[1.0]]}
    assert body["metrics"]["most_confused"] == [{"truth": "1", "predicted": "7", "count": 3}]
    assert body["metrics"]["by_subset"] == {
        "current": {"accuracy": 0.99, "accuracy_interval_95": [0.985, 0.993], "n": 2000}
    }


def test_a_version_of_format_2_has_no_calibration_and_no_comparison() -> None:
    body = sample_draft().model_dump() | {"format": 2}
    del body["metrics"]["calibration"], body["metrics"]["comparison"]
    draft = ManifestDraft(**body)
    assert (draft.metrics.calibration, draft.metrics.comparison) == (None, None)


@pytest.mark.parametrize(
    ("renderer", "expected"), [({"captcha": "1"}, False), ({"image_folder": "a"}, True)]
)
def test_a_version_of_an_image_folder_is_known_by_its_renderer(
    renderer: dict[str, str], expected: bool
) -> None:
    assert sample_draft(renderer=renderer).is_image_folder is expected


def test_another_format_is_rejected() -> None:
    assert sample_draft().format == 3
    for number in (1, 4):
        with pytest.raises(ValidationError, match="format"):
            sample_draft(format=number)


@pytest.mark.parametrize("model", [sample_draft(), sample_metrics(), sample_manifest()])
def test_every_part_is_frozen_and_rejects_unknown_and_missing_fields(model: BaseModel) -> None:
    values = model.model_dump()
    with pytest.raises(ValidationError, match="colour"):
        type(model)(**values, colour="red")
    for name, field in type(model).model_fields.items():
        with pytest.raises(ValidationError, match="frozen"):
            setattr(model, name, values[name])
        if field.is_required():
            with pytest.raises(ValidationError, match=name):
                type(model)(**{key: value for key, value in values.items() if key != name})


@pytest.mark.parametrize(
    ("part", "values"),
    [
        (FileRecord, {"sha256": "ab", "size_bytes": 1}),
        (GoldenSample, {"image": "", "text": "", "probabilities": []}),
        (Confusion, {"truth": "1", "predicted": "7", "count": 3}),
        (Accuracy, {"accuracy": 1.0, "accuracy_interval_95": (0.9, 1.0), "n": 9}),
    ],
)
def test_the_small_parts_are_frozen_and_complete(
    part: type[BaseModel], values: dict[str, Any]
) -> None:
    model = part(**values)
    assert model.model_dump() == values
    with pytest.raises(ValidationError, match="colour"):
        part(**values, colour="red")
    for name, old in values.items():
        with pytest.raises(ValidationError, match="frozen"):
            setattr(model, name, old)
        with pytest.raises(ValidationError, match=name):
            part(**{key: value for key, value in values.items() if key != name})


def test_metrics_are_an_accuracy_and_a_manifest_is_a_draft() -> None:
    assert issubclass(Metrics, Accuracy)
    assert issubclass(Manifest, ManifestDraft)
    assert not isinstance(sample_draft(), Manifest)


def test_the_captcha_spec_is_the_one_in_the_manifest() -> None:
    spec = CaptchaSpec("abc", 5, 100, 40, 3, "classic")
    assert sample_draft(spec=spec.to_dict()).captcha_spec == spec
    with pytest.raises(SpecError, match="a spec has the fields"):
        sample_draft(spec={}).captcha_spec  # noqa: B018 - a property that raises


def test_the_manifest_of_the_bundled_model_is_valid() -> None:
    manifest = read_manifest(ROOT / "shared/bundled/0")
    spec = manifest.captcha_spec
    assert spec.charset == string.digits + string.ascii_uppercase + string.ascii_lowercase
    assert (spec.shortest, spec.length, spec.width, spec.height) == (3, 8, 160, 60)
    assert manifest.metrics.calibration is not None
