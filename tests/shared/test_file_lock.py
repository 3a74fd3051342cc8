"""The lock on a file."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from shared.file_lock import lock_file


def test_a_lock_is_held_once_and_released_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "missing" / ".lock"
    with lock_file(path):
        with pytest.raises(BlockingIOError), lock_file(path, waits=False):
            pass
        with lock_file(tmp_path / "other", waits=False):
            pass
    with lock_file(path, waits=False):
        pass
    with pytest.raises(ValueError, match="a bug"), lock_file(path):
        raise ValueError("a bug")
    with lock_file(path, waits=False):
        pass


def test_the_second_one_waits_for_the_first(tmp_path: Path) -> None:
    path, order = tmp_path / ".lock", []

    def wait() -> None:
        with lock_file(path):
            order.append("second")

    second = threading.Thread(target=wait)
    with lock_file(path):
        second.start()
        second.join(0.2)
        order.append("first")
    second.join(10)
    assert order == ["first", "second"]
