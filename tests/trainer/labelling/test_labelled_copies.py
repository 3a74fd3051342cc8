"""Copies are named by their label, and no file of the user is replaced."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shared.restriction import Predictions
from trainer.errors import ImageFolderError
from trainer.labelling.labelled_copies import check_empty, copy_labelled

PREDICTIONS = Predictions(["ab", "ab"], [], np.array([0.98765, 0.1]))


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    files = [tmp_path / "1_x.png", tmp_path / "2.JPG"]
    for file in files:
        file.write_text(file.name)
    return files


def test_the_name_begins_with_label_and_confidence(tmp_path: Path, files: list[Path]) -> None:
    copy_labelled(files, PREDICTIONS, tmp_path / "new" / "out")
    copies = {file.name: file.read_text() for file in (tmp_path / "new" / "out").iterdir()}
    assert copies == {"ab_0.988_1_x.png": "1_x.png", "ab_0.100_2.JPG": "2.JPG"}
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out"]
    assert all(file.exists() for file in files)


def test_an_interrupted_copy_leaves_no_folder(tmp_path: Path, files: list[Path]) -> None:
    out = tmp_path / "out"
    with pytest.raises(FileNotFoundError):
        copy_labelled([files[0], tmp_path / "missing.png"], PREDICTIONS, out)
    assert not out.exists()
    copy_labelled(files, PREDICTIONS, out)
    assert len(list(out.iterdir())) == 2


def test_a_new_and_an_empty_folder_can_be_filled(tmp_path: Path, files: list[Path]) -> None:
    check_empty(tmp_path / "new")
    (tmp_path / "empty").mkdir()
    check_empty(tmp_path / "empty")
    copy_labelled(files, PREDICTIONS, tmp_path / "empty")
    with pytest.raises(ImageFolderError, match="empty exists"):
        check_empty(tmp_path / "empty")
    with pytest.raises(ImageFolderError, match=r"2\.JPG exists"):
        check_empty(files[1])
