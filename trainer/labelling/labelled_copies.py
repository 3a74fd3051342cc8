"""Copies of images whose names begin with their label."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from shared.restriction import Predictions
from trainer.errors import ImageFolderError


def check_empty(folder: Path) -> None:
    """Check that a folder has no files, so that none is replaced.

    Raises:
        ImageFolderError: if it has some, or is a file.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ImageFolderError(f"{folder} exists and is not an empty folder")


def copy_labelled(files: Sequence[Path], predictions: Predictions, folder: Path) -> None:
    """Copy images to `<label>_<confidence>_<name>`, unchanged.

    A label of an image folder ends at the first `_`, so the trainer reads the copies.

    Args:
        files: image files with different names.
        predictions: their labels.
        folder: new or empty. An interrupted call leaves nothing in it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    labels = zip(predictions.texts, predictions.confidences.tolist(), strict=True)
    for file, (text, confidence) in zip(files, labels, strict=True):
        shutil.copyfile(file, partial / f"{text}_{confidence:.3f}_{file.name}")
    partial.replace(folder)
