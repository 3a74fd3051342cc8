"""Check of the free disk space before a training."""

from __future__ import annotations

import shutil
from pathlib import Path

from trainer.errors import DiskSpaceError


def require_disk_space(directory: Path, needed_bytes: int) -> None:
    """Check that the disk of a directory has enough free space.

    Raises:
        DiskSpaceError: if it has not.
    """
    free = shutil.disk_usage(directory).free
    if free < needed_bytes:
        raise DiskSpaceError(
            f"{directory} has {free / 1e6:,.0f} MB free, and this training needs"
            f" {needed_bytes / 1e6:,.0f} MB"
        )
