"""A file is replaced completely or not at all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shared.replaced_file import replace_file


def list_names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_file_is_replaced_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text("old")
    with replace_file(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
        assert re.fullmatch(r"\.file\.json\.[0-9a-f]{8}\.part", partial.name)
    assert path.read_text() == "new"
    assert list_names(tmp_path) == ["file.json"]


def test_after_an_error_the_old_file_is_left_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text("old")

    def fail() -> None:
        with replace_file(path) as partial:
            partial.write_text("ne")
            raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        fail()
    assert path.read_text() == "old"
    assert list_names(tmp_path) == ["file.json"]


def test_a_file_that_was_not_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replace_file(tmp_path / "file.json"):
        pass


def test_two_processes_write_to_different_files(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    with replace_file(path) as first:
        first.write_text("first")
        with replace_file(path) as second:
            second.write_text("second")
    assert path.read_text() == "first"
