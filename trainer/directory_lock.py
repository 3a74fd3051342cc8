"""A lock on a directory, so that two trainers do not write the same files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from shared.file_lock import lock_file
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
    with ExitStack() as stack:
        try:
            stack.enter_context(lock_file(directory / ".lock", waits=False))
        except BlockingIOError:
            raise DirectoryLockedError(problem) from None
        yield directory
