"""Copies are named by their label, and no file of the user is replaced."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shared.restriction import Predictions
from trainer.errors import ImageFolderError
from trainer.labelling.labelled_copies import copy_labelled, create_empty

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
