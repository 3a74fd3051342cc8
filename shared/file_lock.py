"""A lock on a file, which the processes of one machine take one after the other."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def lock_file(path: Path, *, waits: bool = True) -> Iterator[None]:
    """Create a file and its directory, and lock it. The lock ends with the process.

    Args:
        path: the file, which is kept.
        waits: whether to wait for a process that holds the lock.

    Raises:
        BlockingIOError: if another process holds the lock and `waits` is false.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
