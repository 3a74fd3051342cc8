"""Reading of files in directories that others can write to."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def read_regular(directory: Path, name: str, max_bytes: int) -> bytes:
    """Return the content of a file that is neither a link nor a pipe, which would block.

    Args:
        directory: where the file is; it may be a link.
        name: of the file, or its path below the directory; no part of it may be a link.
        max_bytes: largest size that is read.

    Raises:
        OSError: if the file is missing, not a regular file, or too large.
    """
    with open(name, "rb", opener=lambda path, flags: _open(directory, path, flags)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise OSError(errno.EFBIG, f"more than {max_bytes:,} bytes")
    return content


def _open(directory: Path, name: str, flags: int) -> int:
    """Open a file without following links, also if one is created meanwhile."""
    parent = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        *folders, last = name.split("/")
        for folder in folders:
            inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
            os.close(parent)
            parent = inner
        return os.open(last, flags | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=parent)
    finally:
        os.close(parent)
