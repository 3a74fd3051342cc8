"""The lock on a directory that one trainer writes at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.directory_lock import lock_directory
from trainer.errors import DirectoryLockedError


def test_a_directory_is_created_and_locked_by_one_at_a_time(tmp_path: Path) -> None:
    directory = tmp_path / "runs" / "run"
    with lock_directory(directory, "never seen") as locked:
        assert locked == directory
        assert directory.is_dir()
        with (
            pytest.raises(DirectoryLockedError, match=r"^it is busy$"),
            lock_directory(directory, "it is busy"),
        ):
            pass
        with lock_directory(tmp_path / "runs" / "other", "never seen"):
            pass
    with lock_directory(directory, "never seen"):
        pass


def test_an_error_unlocks_the_directory(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a bug"), lock_directory(tmp_path, "never seen"):
        raise ValueError("a bug")
    with lock_directory(tmp_path, "never seen"):
        pass
