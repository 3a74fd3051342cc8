"""Rejection of a version: why it cannot be used, and when it is checked again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from inference_service.errors import LoadInterrupted
from shared.versions.artifacts import ArtifactError

RETRY_S = 60.0
"""After a failure that the machine may have caused, a version is checked again after this time."""

FileSignature = tuple[tuple[str, int, int], ...]
"""Path, size and change time of every file of a version."""


@dataclass(frozen=True)
class Rejection:
    """A version that is not loaded until its files change or a time has passed.

    Attributes:
        reason: why it was rejected.
        signature: the files that were rejected.
        retry_at_s: infinity if the version is to blame.
    """

    reason: str
    signature: FileSignature
    retry_at_s: float

    @classmethod
    def from_error(cls, error: Exception, signature: FileSignature, now_s: float) -> Rejection:
        """Return the rejection after an error of loading."""
        retry_at_s = now_s + RETRY_S if is_temporary(error) else math.inf
        return cls(describe(error), signature, retry_at_s)

    def is_valid(self, signature: FileSignature, now_s: float) -> bool:
        """Return whether the version with these files is still rejected."""
        return self.signature == signature and now_s < self.retry_at_s


def sign_files(directory: Path) -> FileSignature:
    """Return what differs as soon as a file of a version is added, removed or changed."""
    entries = []
    try:
        paths = sorted(directory.rglob("*"))
    except OSError:
        paths = []  # `verify` reports it
    for path in paths:
        try:
            stat = path.lstat()
        except OSError:
            continue  # removed meanwhile, or not accessible; `verify` reports it
        entries.append((str(path), stat.st_size, stat.st_ctime_ns))
    return tuple(entries)


def is_temporary(error: Exception) -> bool:
    """Return whether the machine may have caused an error, instead of the version."""
    if isinstance(error, ArtifactError):
        # `verify` reports errors of the disk like this. A missing file changes the signature
        # when it is added.
        cause = error.__cause__
        return isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError)
    return isinstance(error, LoadInterrupted | OSError | MemoryError)


def describe(error: Exception) -> str:
    """Return why a version is rejected, without paths."""
    if isinstance(error, OSError) and error.strerror:
        return f"loading failed: {error.strerror}"  # without the path
    return str(error) or type(error).__name__
