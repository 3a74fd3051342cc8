"""A folder of somebody's own labelled captchas: `<label>_<anything>.png`."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from shared.images import GreyImage, ImageError, decode_image
from shared.spec import CaptchaSpec, SpecError

SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp")
# A tenth is for the test and one for the validation: fewer would say nothing about either.
MIN_CAPTCHAS = 100
_HELD_BACK = 0.1


class FolderError(ValueError):
    """A folder that cannot be trained on; the text names the file and what is wrong with it."""


@dataclass(frozen=True)
class Folder:
    """Labelled captchas, decoded as inference would."""

    spec: CaptchaSpec
    images: npt.NDArray[np.uint8]
    """(N, height, width), grey."""
    texts: list[str]

    @cached_property
    def digests(self) -> list[bytes]:
        """SHA-256 of the pixels of each."""
        return [hashlib.sha256(image.tobytes()).digest() for image in self.images]

    @property
    def fingerprint(self) -> str:
        """16 hex digits: equal when pixels and labels are, in whatever order."""
        pairs = zip(self.texts, self.digests, strict=True)
        each = sorted(f"{text} {digest.hex()}" for text, digest in pairs)
        return hashlib.sha256("\n".join(each).encode()).hexdigest()[:16]

    def split(self) -> dict[str, npt.NDArray[np.intp]]:
        """Rows for `train`, `validation` and `test`.

        The pixels decide, not the order or the names: a captcha stays where it is when others
        are added, and two copies of one are never on both sides.
        """
        draws = np.array([_draw(digest) for digest in self.digests])
        return {
            "test": np.flatnonzero(draws < _HELD_BACK),
            "validation": np.flatnonzero((draws >= _HELD_BACK) & (draws < 2 * _HELD_BACK)),
            "train": np.flatnonzero(draws >= 2 * _HELD_BACK),
        }


def read_folder(folder: Path, spec: CaptchaSpec | None) -> Folder:
    """The captchas of a folder, which must be of `spec`; without one, it is what they show.

    A label is the file's name up to the first `_`, or all of it, as the course named its files.
    Raises FolderError.
    """
    if not folder.is_dir():
        raise FolderError(f"{folder} is no folder")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if len(files) < MIN_CAPTCHAS:
        raise FolderError(
            f"{folder} holds {len(files)} pictures ({', '.join(SUFFIXES)}), at least"
            f" {MIN_CAPTCHAS} are needed"
        )
    texts = [file.stem.partition("_")[0] for file in files]
    if "" in texts:
        raise FolderError(f"{files[texts.index('')].name}: there is no label before the _")
    if spec is None:
        spec = _find_spec(folder, files, texts)
    images = np.empty((len(files), spec.height, spec.width), np.uint8)
    for row, (file, text) in enumerate(zip(files, texts, strict=True)):
        try:
            spec.check_text(text)
        except SpecError as error:
            raise FolderError(f"{file.name}: {error}") from None
        images[row] = _decode(file, spec)
    own = Folder(spec, images, texts)
    distinct = _count_distinct(files, own)
    if distinct < MIN_CAPTCHAS or min(map(len, own.split().values())) == 0:
        raise FolderError(
            f"{folder} holds {distinct} different pictures, at least {MIN_CAPTCHAS} are needed"
        )
    return own


def _count_distinct(files: list[Path], own: Folder) -> int:
    """Different pictures. Raises FolderError if one has two labels, which no network can learn."""
    first: dict[bytes, int] = {}
    for row, (digest, text) in enumerate(zip(own.digests, own.texts, strict=True)):
        before = first.setdefault(digest, row)
        if own.texts[before] != text:
            raise FolderError(
                f"{files[before].name} and {files[row].name} are the same picture with two labels"
            )
    return len(first)


def _find_spec(folder: Path, files: list[Path], texts: list[str]) -> CaptchaSpec:
    lengths = {len(text) for text in texts}
    # The commonest size: others are scaled to it if they are of nearly its shape.
    (width, height), _ = Counter(map(_size, files[:MIN_CAPTCHAS])).most_common(1)[0]
    try:
        return CaptchaSpec(
            charset="".join(sorted(set("".join(texts)))),
            length=max(lengths),
            min_length=min(lengths),
            width=width,
            height=height,
        )
    except SpecError as error:
        raise FolderError(f"the pictures in {folder} make no captchas: {error}") from None


def _size(file: Path) -> tuple[int, int]:
    try:
        with Image.open(file) as image:  # its header only
            return image.size
    except Exception as error:
        # A header can promise more than any memory holds, or be broken in a dozen ways of Pillow's.
        raise FolderError(f"{file.name}: this is not a picture: {error}") from None


def _decode(file: Path, spec: CaptchaSpec) -> GreyImage:
    try:
        return decode_image(file.read_bytes(), spec)
    except ImageError as error:
        raise FolderError(f"{file.name}: {error}") from None


def _draw(digest: bytes) -> float:
    """From 0 to below 1, evenly, always the same for the same pixels."""
    return int.from_bytes(digest[:8], "big") / 2**64
