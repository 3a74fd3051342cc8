"""Copies of images whose names begin with their label."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from shared.restriction import Predictions
from trainer.errors import ImageFolderError


def create_empty(folder: Path) -> None:
    """Create a folder, or check that it has no files, so that none is replaced.

    Raises:
        ImageFolderError: if it has some, or is a file.
        OSError: if it cannot be created.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ImageFolderError(f"{folder} exists and is not an empty folder")
    folder.mkdir(parents=True, exist_ok=True)


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
        folder / f"{text}_{confidence:.3f}_{file.name}"
        for file, (text, confidence) in zip(files, labels, strict=True)
    ]
    try:
        for file, copy in zip(files, copies, strict=True):
            shutil.copyfile(file, copy)
    except BaseException:
        for copy in copies:
            copy.unlink(missing_ok=True)
        raise
