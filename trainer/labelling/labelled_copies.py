"""Copies of images whose names begin with their label."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from shared.captchas.restriction import Predictions
from trainer.disk_space import require_disk_space
from trainer.errors import ImageFolderError

_MAX_NAME_BYTES = 255  # of Linux and macOS


def create_empty(folder: Path) -> None:
    """Create a folder, or check that it has no files, so that none is replaced.

    Raises:
        ImageFolderError: if it has some, or is a file.
        OSError: if it cannot be created.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ImageFolderError(f"{folder} exists and is not an empty folder")
    folder.mkdir(parents=True, exist_ok=True)


def check_copies(files: Sequence[Path], length: int, folder: Path) -> None:
    """Check before the training that the copies can be written.

    Args:
        files: image files.
        length: characters of the longest label.
        folder: an empty folder.

    Raises:
        ImageFolderError: if the name of a copy would be too long.
        DiskSpaceError: if the disk has too little space.
    """
    for file in files:
        excess = len(os.fsencode(_name_copy("x" * length, 1.0, file))) - _MAX_NAME_BYTES
        if excess > 0:
            raise ImageFolderError(
                f"{file.name}: the name is {excess} bytes too long for a label before it"
            )
    require_disk_space(folder, sum(file.stat().st_size for file in files))


def copy_labelled(files: Sequence[Path], predictions: Predictions, folder: Path) -> None:
    """Copy images to `<label>_<confidence>_<name>`, unchanged; all of them or none.

    A label of an image folder ends at the first `_`, so the trainer reads the copies.

    Args:
        files: image files with different names.
        predictions: their labels.
        folder: an empty folder.
    """
    labels = zip(predictions.texts, predictions.confidences.tolist(), strict=True)
    copies = [
        folder / _name_copy(text, confidence, file)
        for file, (text, confidence) in zip(files, labels, strict=True)
    ]
    try:
        for file, copy in zip(files, copies, strict=True):
            shutil.copyfile(file, copy)
    except BaseException:
        for copy in copies:
            copy.unlink(missing_ok=True)
        raise


def _name_copy(text: str, confidence: float, file: Path) -> str:
    return f"{text}_{confidence:.3f}_{file.name}"
