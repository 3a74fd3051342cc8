"""An image folder: the user's own labelled images, `<label>_<anything>.png`."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from shared.captchas.images import GreyImage, ImageError, decode_image
from shared.captchas.spec import CaptchaSpec, SpecError
from trainer.config import SplitName
from trainer.errors import ImageFolderError

SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp")
# A tenth is held out for validation and a tenth for the test; fewer are too few to measure.
MIN_IMAGES = 100
_HELD_OUT = 0.1
_ORIENTATION = 0x0112  # the EXIF tag; from 5 on, width and height are exchanged


@dataclass(frozen=True)
class ImageFolder:
    """Labelled images, decoded as the inference service decodes them."""

    spec: CaptchaSpec
    images: npt.NDArray[np.uint8]
    """(N, height, width), grey; no two are equal."""
    texts: list[str]
    copies: int = 0
    """Files that show the same pixels as another one. They are left out."""

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def digests(self) -> list[bytes]:
        """SHA-256 of the pixels of each image."""
        return digest_images(self.images)

    @property
    def fingerprint(self) -> str:
        """16 hex digits that are equal for equal pixels and labels, in any order."""
        pairs = zip(self.texts, self.digests, strict=True)
        lines = sorted(f"{text} {digest.hex()}" for text, digest in pairs)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

    def split(self) -> dict[SplitName, npt.NDArray[np.intp]]:
        """Return the rows of each split.

        A hash of the pixels determines the split. An image stays in its split when others are
        added.
        """
        fractions = np.array([_digest_to_fraction(digest) for digest in self.digests])
        return {
            "test": np.flatnonzero(fractions < _HELD_OUT),
            "validation": np.flatnonzero((fractions >= _HELD_OUT) & (fractions < 2 * _HELD_OUT)),
            "train": np.flatnonzero(fractions >= 2 * _HELD_OUT),
        }


def read_image_folder(folder: Path, spec: CaptchaSpec | None) -> ImageFolder:
    """Read all images of a folder.

    A label is the file name up to the first `_`, or the whole stem, as in the course's datasets.

    Args:
        folder: the directory.
        spec: what every image must match; None to infer it from file names and images.

    Raises:
        ImageFolderError: naming the file and the reason.
    """
    files = list_image_files(folder)
    texts = [file.stem.partition("_")[0] for file in files]
    if "" in texts:
        raise ImageFolderError(f"{files[texts.index('')].name}: the label before the _ is missing")
    if spec is None:
        spec = _infer_spec(folder, files, texts)
    for file, text in zip(files, texts, strict=True):
        try:
            spec.check_text(text)
        except SpecError as error:
            raise ImageFolderError(f"{file.name}: {error}") from None
    image_folder = ImageFolder(spec, read_images(files, spec), texts)
    image_folder = _remove_copies(folder, files, image_folder)
    for name, rows in image_folder.split().items():
        if not len(rows):
            raise ImageFolderError(
                f"the {name} split got no image of {folder} (images are assigned by a hash of"
                " their pixels); add images"
            )
    return image_folder


def list_image_files(folder: Path) -> list[Path]:
    """Return the image files of a folder in the order of their names.

    Raises:
        ImageFolderError: if there are too few.
    """
    if not folder.is_dir():
        raise ImageFolderError(f"{folder} is not a directory")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if len(files) < MIN_IMAGES:
        raise ImageFolderError(
            f"{folder} contains {len(files)} images ({', '.join(SUFFIXES)}), at least"
            f" {MIN_IMAGES} are needed"
        )
    return files


def find_common_size(files: list[Path]) -> tuple[int, int]:
    """Return the most common width and height of the files in pixels.

    Images of a similar aspect ratio are scaled to it.

    Raises:
        ImageFolderError: naming the file that is not an image.
    """
    sizes = Counter(map(read_size, files))
    return max(sizes, key=sizes.__getitem__)


def read_images(files: list[Path], spec: CaptchaSpec) -> npt.NDArray[np.uint8]:
    """Return the images of files, scaled to the size of the spec: grey, uint8 (N, height, width).

    Raises:
        ImageFolderError: naming the file and the reason.
    """
    images = np.empty((len(files), spec.height, spec.width), np.uint8)
    for row, file in enumerate(files):
        images[row] = _decode(file, spec)
    return images


def digest_images(images: npt.NDArray[np.uint8]) -> list[bytes]:
    """Return the SHA-256 of the pixels of each image."""
    return [hashlib.sha256(image.tobytes()).digest() for image in images]


def find_different(folder: Path, digests: Sequence[bytes]) -> dict[bytes, int]:
    """Return the first row of each different image.

    Raises:
        ImageFolderError: if there are too few.
    """
    first: dict[bytes, int] = {}
    for row, digest in enumerate(digests):
        first.setdefault(digest, row)
    if len(first) < MIN_IMAGES:
        raise ImageFolderError(
            f"{folder} contains {len(first)} different images, at least {MIN_IMAGES} are needed"
        )
    return first


def _remove_copies(folder: Path, files: list[Path], read: ImageFolder) -> ImageFolder:
    """Return the different images; one with two labels is an error, since it cannot be learned.

    Copies would count as several test images, and make an accuracy look more certain than it is.
    """
    first = find_different(folder, read.digests)
    for row, (digest, text) in enumerate(zip(read.digests, read.texts, strict=True)):
        if read.texts[first[digest]] != text:
            raise ImageFolderError(
                f"{files[first[digest]].name} and {files[row].name} are the same image with two"
                " labels"
            )
    if len(first) == len(read):
        return read
    rows = [*first.values()]
    texts = [read.texts[row] for row in rows]
    return ImageFolder(read.spec, read.images[rows], texts, len(read) - len(rows))


def _infer_spec(folder: Path, files: list[Path], texts: list[str]) -> CaptchaSpec:
    for file, text in zip(files, texts, strict=True):
        try:
            CaptchaSpec(charset="".join(sorted(set(text))), length=len(text))
        except SpecError as error:
            raise ImageFolderError(f"{file.name}: {error}") from None
    lengths = {len(text) for text in texts}
    width, height = find_common_size(files)
    try:
        return CaptchaSpec(
            charset="".join(sorted(set("".join(texts)))),
            length=max(lengths),
            min_length=min(lengths),
            width=width,
            height=height,
        )
    except SpecError as error:
        raise ImageFolderError(f"the images in {folder} are not valid captchas: {error}") from None


def read_size(file: Path) -> tuple[int, int]:
    """Return width and height of an image file in pixels, as it is shown.

    Raises:
        ImageFolderError: if it is not an image.
    """
    try:
        with Image.open(file) as image:  # reads the header only
            width, height = image.size
            # Decoding turns it upright. A PNG would have to be decoded to find this out.
            is_turned = image.format != "PNG" and image.getexif().get(_ORIENTATION, 1) >= 5
            return (height, width) if is_turned else (width, height)
    except Exception as error:
        # Pillow raises a dozen types on damaged and hostile headers.
        raise ImageFolderError(f"{file.name} is not an image: {error}") from None


def _decode(file: Path, spec: CaptchaSpec) -> GreyImage:
    try:
        return decode_image(file.read_bytes(), spec)
    except ImageError as error:
        raise ImageFolderError(f"{file.name}: {error}") from None


def _digest_to_fraction(digest: bytes) -> float:
    """Map a digest uniformly to [0, 1)."""
    return int.from_bytes(digest[:8], "big") / 2**64
