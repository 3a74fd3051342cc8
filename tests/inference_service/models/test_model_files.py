from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from inference_service.models.model_files import get_media_type, list_shown_files, read_verified
from shared.versions.artifacts import ArtifactError
from shared.versions.manifest import FileRecord, Manifest
from tests.shared.sample_manifest import sample_draft

CONTENT = b"a figure"
RECORD = FileRecord(sha256=hashlib.sha256(CONTENT).hexdigest(), size_bytes=len(CONTENT))


def list_names(*names: str, size_bytes: int = 8) -> list[str]:
    files = {name: FileRecord(sha256="0", size_bytes=size_bytes) for name in names}
    return list(list_shown_files(Manifest(**sample_draft().model_dump(), files=files)))


def test_figures_and_history_are_shown() -> None:
    names = ["confusions.png", "history.csv", "misclassified.json"]
    assert list_names(*reversed(names)) == names
    assert [get_media_type(name) for name in names] == [
        "image/png", "text/csv; charset=utf-8", "application/json",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "saved_model.pb",
        "variables/variables.index",
        "assets/a.png",
        "../a.png",
        "/a.png",
        "..png",
        ".png",
        "a.png\0",
        "a\0.png",
        "a.png\n",
        "a.svg",
        "a.html",
        "a.PNG",
        "png",
    ],
)
def test_weights_other_types_and_other_directories_are_not_shown(name: str) -> None:
    assert list_names(name) == []


def test_files_that_are_too_large_to_read_as_a_whole_are_not_shown() -> None:
    assert list_names("a.png", size_bytes=5_000_000) == ["a.png"]
    assert list_names("a.png", size_bytes=5_000_001) == []


def test_a_file_of_the_manifest_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(CONTENT)
    assert read_verified(tmp_path, "a.png", RECORD) == CONTENT


def link(path: Path) -> None:
    path.with_name("target").write_bytes(CONTENT)
    path.symlink_to("target")


@pytest.mark.parametrize(
    ("create", "message"),
    [
        (lambda path: None, "a.png cannot be read: No such file"),
        (lambda path: path.write_bytes(b"a figurE"), "a.png was changed: its SHA-256 differs"),
        (lambda path: path.write_bytes(CONTENT + b"!"), "a.png was changed: its SHA-256 differs"),
        (lambda path: path.write_bytes(bytes(5_000_001)), "a.png cannot be read: more than 5,000"),
        (lambda path: path.write_bytes(b""), "a.png was changed: its SHA-256 differs"),
        (lambda path: path.mkdir(), "a.png cannot be read: Is a directory"),
        (link, "a.png cannot be read: Too many levels of symbolic links"),
        (os.mkfifo, "a.png cannot be read: not a regular file"),
    ],
)
def test_a_file_that_is_not_the_one_of_the_manifest_is_not_read(
    tmp_path: Path, create: Callable[[Path], None], message: str
) -> None:
    create(tmp_path / "a.png")
    with pytest.raises(ArtifactError, match=message):
        read_verified(tmp_path, "a.png", RECORD)
