"""A bundled version keeps the SavedModel and the manifest."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from shared.versions.artifacts import ArtifactError, publish, verify
from tests.shared.sample_manifest import sample_draft
from trainer.publishing.bundle import bundle, main

SAVED_MODEL = ["assets/words.txt", "fingerprint.pb", "saved_model.pb", "variables/variables.index"]


@pytest.fixture
def version(tmp_path: Path) -> Path:
    """Return a version with a SavedModel of a few bytes, figures and a history."""
    source = tmp_path / "source"
    for name in (*SAVED_MODEL, "history.csv", "curves.png", "model.keras"):
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {name}")
    root = tmp_path / "models" / "captcha"
    return root / str(publish(source, root, sample_draft()))


def list_files(directory: Path) -> list[str]:
    files = [path for path in directory.rglob("*") if path.is_file()]
    return sorted(path.relative_to(directory).as_posix() for path in files)


def test_the_saved_model_and_the_manifest_are_kept(version: Path, tmp_path: Path) -> None:
    target = tmp_path / "bundled" / "0"
    bundle(version, target)
    assert list_files(target) == sorted([*SAVED_MODEL, "manifest.json"])
    bundled, whole = verify(target), verify(version)
    assert bundled.files == {name: whole.files[name] for name in SAVED_MODEL}
    unchanged = {"files": whole.files}
    assert bundled.model_copy(update=unchanged) == whole
    assert (target / "manifest.json").read_text().startswith('{\n  "format": 3,')
    assert (target / "manifest.json").read_text().endswith("}\n")


def test_an_existing_version_is_replaced(version: Path, tmp_path: Path) -> None:
    target = tmp_path / "bundled" / "0"
    bundle(version, target)
    (target / "old").touch()
    bundle(version, target)
    assert list_files(target) == sorted([*SAVED_MODEL, "manifest.json"])
    assert [path.name for path in target.parent.iterdir()] == ["0"]


def test_a_version_can_replace_itself(version: Path) -> None:
    bundle(version, version)
    assert list_files(version) == sorted([*SAVED_MODEL, "manifest.json"])
    verify(version)


def test_the_remains_of_a_killed_process_do_not_matter(version: Path, tmp_path: Path) -> None:
    partial = tmp_path / ".partial-0"
    partial.mkdir()
    (partial / "half").touch()
    bundle(version, tmp_path / "0")
    assert not partial.exists()
    assert "half" not in list_files(tmp_path / "0")


def test_a_directory_that_is_not_a_version_is_not_replaced(version: Path) -> None:
    models = version.parent
    with pytest.raises(ArtifactError, match=r"^manifest\.json is missing$"):
        bundle(version, models)
    verify(version)


def test_a_version_that_was_changed_is_not_bundled(version: Path, tmp_path: Path) -> None:
    target = tmp_path / "bundled" / "0"
    bundle(version, target)
    (version / "saved_model.pb").write_text("x")
    with pytest.raises(ArtifactError, match=r"^saved_model\.pb has 1 bytes"):
        bundle(version, target)
    verify(target)


def run_main(monkeypatch: pytest.MonkeyPatch, *arguments: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["bundle", *map(str, arguments)])
    main()


def test_the_command_bundles_a_version(
    version: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_main(monkeypatch, version, tmp_path / "0")
    verify(tmp_path / "0")


def test_the_command_ends_with_the_reason_if_there_is_no_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "1"
    with pytest.raises(SystemExit) as caught:
        run_main(monkeypatch, source, tmp_path / "0")
    assert caught.value.code == f"{source} cannot be bundled: manifest.json is missing"
