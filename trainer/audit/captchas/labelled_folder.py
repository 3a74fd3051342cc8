"""An image folder to audit: stricter than one to train on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trainer.data.image_folder import SUFFIXES, ImageFolder, read_image_folder, read_size
from trainer.errors import ImageFolderError


@dataclass(frozen=True)
class LabelledFolder:
    """A folder of labelled captchas."""

    name: str
    folder: ImageFolder

    def split(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the rows to test on, about a fifth, and those to train on.

        A hash of the pixels determines them and their order, so they do not depend on the file
        names: an audit that resumes finds the predictions of each image by its place.
        """
        rows = self.folder.split()
        test = np.concatenate([rows["test"], rows["validation"]])
        return self._order(test), self._order(rows["train"])

    def _order(self, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
        return np.array(sorted(rows.tolist(), key=self.folder.digests.__getitem__), np.int64)


def read_labelled_folder(directory: Path) -> LabelledFolder:
    """Read the images of a folder, `<label>_<anything>.png`.

    Raises:
        ImageFolderError: if an image is unreadable, if sizes differ, if all images have one label,
            or if there are too few; naming the file and the reason.
    """
    if directory.is_dir():
        _check_sizes(directory)
    folder = read_image_folder(directory, None)
    if len(set(folder.texts)) == 1:
        raise ImageFolderError(
            f"all images in {directory} have the label {folder.texts[0]!r}; an audit needs captchas"
            " with different texts"
        )
    return LabelledFolder(directory.resolve().name, folder)


def _check_sizes(directory: Path) -> None:
    """Check that all images have one size: scaled ones are not what an attacker would see."""
    first: tuple[str, tuple[int, int]] | None = None
    for file in sorted(path for path in directory.iterdir() if path.suffix.lower() in SUFFIXES):
        size = read_size(file)
        first = first or (file.name, size)
        if size != first[1]:
            raise ImageFolderError(
                f"{file.name} has {size[0]}x{size[1]} pixels and {first[0]}"
                f" {first[1][0]}x{first[1][1]}: all images must have one size"
            )
