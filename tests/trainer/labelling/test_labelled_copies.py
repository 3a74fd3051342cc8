"""Copies are named by their label, and no file of the user is replaced."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from shared.captchas.restriction import Predictions
from trainer.errors import DiskSpaceError, ImageFolderError
from trainer.labelling.labelled_copies import check_copies, copy_labelled, create_empty

PREDICTIONS = Predictions(["ab", "ab"], [], np.array([0.98765, 0.1]))


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    files = [tmp_path / "1_x.png", tmp_path / "2.JPG"]
    for file in files:
        file.write_text(file.name)
    return files


def test_the_name_begins_with_label_and_confidence(tmp_path: Path, files: list[Path]) -> None:
    out = tmp_path / "new" / "out"
    create_empty(out)
    copy_labelled(files, PREDICTIONS, out)
    copies = {file.name: file.read_text() for file in out.iterdir()}
    assert copies == {"ab_0.988_1_x.png": "1_x.png", "ab_0.100_2.JPG": "2.JPG"}
    assert all(file.exists() for file in files)


def test_an_interrupted_copy_leaves_an_empty_folder(tmp_path: Path, files: list[Path]) -> None:
    out = tmp_path / "out"
    create_empty(out)
    with pytest.raises(FileNotFoundError):
        copy_labelled([files[0], tmp_path / "missing.png"], PREDICTIONS, out)
    assert list(out.iterdir()) == []


def test_a_folder_with_files_is_not_used(tmp_path: Path, files: list[Path]) -> None:
    (tmp_path / "empty").mkdir()
    create_empty(tmp_path / "empty")
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").write_text("mine")
    with pytest.raises(ImageFolderError, match="used exists"):
        create_empty(tmp_path / "used")
    with pytest.raises(ImageFolderError, match=r"2\.JPG exists"):
        create_empty(files[1])


def test_names_and_space_are_checked_before_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [tmp_path / f"{'验' * 80}.png", tmp_path / f"{'验' * 80}a.png"]
    for file in files:
        file.write_bytes(b"image")
    check_copies(files[:1], 3, tmp_path)
    copy_labelled(files[:1], Predictions(["abc"], [], np.array([1.0])), tmp_path)
    check_copies(files, 3, tmp_path)
    with pytest.raises(ImageFolderError, match=r"a\.png: the name is 1 bytes too long for a label"):
        check_copies(files, 4, tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=9))
    with pytest.raises(DiskSpaceError):
        check_copies(files, 3, tmp_path)
