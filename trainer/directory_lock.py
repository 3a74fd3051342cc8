"""A lock on a directory, so that two trainers do not write the same files."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trainer.errors import DirectoryLockedError


@contextmanager
def lock_directory(directory: Path, problem: str) -> Iterator[Path]:
    """Create a directory and lock it for this process. The lock ends with the process.

    Args:
        directory: what is locked; the file `.lock` in it is kept.
        problem: the message if another process holds the lock.

    Raises:
        DirectoryLockedError: if another process holds the lock.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DirectoryLockedError(problem) from None
        yield directory
