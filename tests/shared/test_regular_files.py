"""Only regular files are read, whatever else is in their place."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.regular_files import read_regular


def test_a_file_is_read_up_to_the_limit(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_bytes(b"12345")
    assert read_regular(tmp_path, "folder/a", 5) == b"12345"
    with pytest.raises(OSError, match="more than 4 bytes"):
        read_regular(tmp_path, "folder/a", 4)


def test_the_directory_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir()
    (tmp_path / "volume" / "a").write_bytes(b"1")
    (tmp_path / "link").symlink_to("volume")
    assert read_regular(tmp_path / "link", "a", 9) == b"1"


def link_file(path: Path) -> None:
    path.parent.mkdir()
    path.symlink_to(path.parents[1] / "secret")


def link_folder(path: Path) -> None:
    (path.parents[1] / "outside").mkdir()
    (path.parents[1] / "outside" / path.name).write_bytes(b"secret")
    path.parent.symlink_to("outside")


def make_pipe(path: Path) -> None:
    path.parent.mkdir()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("create", "message"),
    [
        (lambda path: None, "No such file or directory"),
        (lambda path: path.mkdir(parents=True), "Is a directory"),
        (lambda path: path.parent.write_bytes(b"x"), "Not a directory"),
        (link_file, "Too many levels of symbolic links"),
        (link_folder, "Not a directory|Too many levels of symbolic links"),
        (make_pipe, "not a regular file"),
    ],
)
def test_anything_else_is_an_error_and_leaves_no_descriptor_open(
    tmp_path: Path, create: Callable[[Path], None], message: str
) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    create(tmp_path / "folder" / "a")
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    with pytest.raises(OSError, match=message):
        read_regular(tmp_path, "folder/a", 9)
    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208
