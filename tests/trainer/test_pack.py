from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from shared.artifacts import ArtifactError, read_manifest, verify
from trainer.pack import pack


def test_what_answers_stays_and_verifies(models: Path, tmp_path: Path) -> None:
    target = tmp_path / "box" / "0"
    pack(models / "1", target)
    packed, whole = verify(target), verify(models / "1")
    assert set(packed.files) < set(whole.files)
    assert {"saved_model.pb", "variables/variables.index"} <= set(packed.files)
    assert not [name for name in packed.files if name.endswith((".png", ".csv"))]
    assert (packed.golden, packed.metrics, packed.config) == (
        whole.golden, whole.metrics, whole.config
    )  # fmt: skip
    found = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert found == {*packed.files, "manifest.json"}


def test_what_was_there_goes(models: Path, tmp_path: Path) -> None:
    target = tmp_path / "0"
    pack(models / "1", target)
    (target / "old").touch()
    pack(models / "1", target)
    assert not (target / "old").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["0"]


def test_only_an_older_version_is_ever_replaced(models: Path, tmp_path: Path) -> None:
    shutil.copytree(models / "1", tmp_path / "models" / "1")
    with pytest.raises(ArtifactError):
        pack(tmp_path / "models" / "1", tmp_path / "models")
    verify(tmp_path / "models" / "1")
    pack(tmp_path / "models" / "1", tmp_path / "models" / "1")  # onto itself: only smaller
    verify(tmp_path / "models" / "1")


def test_a_version_that_does_not_verify_is_not_packed(tmp_path: Path) -> None:
    target = tmp_path / "0"
    target.mkdir()
    (target / "good").touch()
    with pytest.raises(ArtifactError, match=r"no manifest\.json"):
        pack(tmp_path / "nothing", target)
    assert (target / "good").exists()
    with pytest.raises(ArtifactError):
        read_manifest(target)
