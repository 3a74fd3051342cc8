"""Datasets in flight: archives written while they are drawn, read only if they are whole.

npz: `images` uint8 (N, height, width), `texts` (N,) and, to prove it, `spec` (JSON), `drawing`
(fingerprint of the libraries and fonts), `seed`, `start` and `sha256` over all of them. zip: PNG
files named `<label>_<index>.png`, each with its CRC-32; the directory at the end is what a cut-off
zip lacks.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from shared.spec import CaptchaSpec

# A fixed date keeps archives of one seed byte-identical; 1980 is the first a zip can name.
_DATE = (1980, 1, 1, 0, 0, 0)
_TEXTS_AT_ONCE = 512  # drawing them again takes 4 ms


class DatasetError(ValueError):
    """A dataset that is cut off, damaged or not the one asked for."""


@dataclass(frozen=True)
class Dataset:
    """Captchas start..start+N-1 of a seed, checked against their checksum."""

    spec: CaptchaSpec
    drawing: str
    """Fingerprint of the libraries and fonts they were drawn with."""
    seed: int
    start: int
    images: npt.NDArray[np.uint8]
    """(N, height, width), grey."""
    texts: list[str]


class _Outbox:
    """What zipfile needs of a file; the content is taken away as soon as it is written."""

    def __init__(self) -> None:
        self._content = bytearray()

    def write(self, data: Any) -> int:
        self._content += data
        return len(data)

    def flush(self) -> None:
        """Everything is where it belongs already."""

    def take(self) -> bytes:
        content = bytes(self._content)
        self._content.clear()
        return content


class _Directory:
    """What a zip must still know of its members when it ends, in 50 bytes for each.

    zipfile keeps a list of ZipInfo objects, 900 bytes each: a million captchas would not fit.
    """

    def __init__(self) -> None:
        self._template: zipfile.ZipInfo | None = None
        self._names = bytearray()
        self._name_ends = array("Q")
        self._checksums = array("L")
        self._sizes = array("L")
        self._offsets = array("Q")

    def append(self, member: zipfile.ZipInfo) -> None:
        self._template = self._template or member
        self._names += member.filename.encode("ascii")
        self._name_ends.append(len(self._names))
        self._checksums.append(member.CRC)
        self._sizes.append(member.file_size)
        self._offsets.append(member.header_offset)

    def __len__(self) -> int:
        return len(self._offsets)

    def __iter__(self) -> Iterator[zipfile.ZipInfo]:
        name_start = 0
        for i, name_end in enumerate(self._name_ends):
            member = copy(self._template)
            assert member is not None  # noqa: S101 - there is one as soon as there is a member
            member.filename = self._names[name_start:name_end].decode("ascii")
            member.CRC = self._checksums[i]
            member.file_size = member.compress_size = self._sizes[i]
            member.header_offset = self._offsets[i]
            name_start = name_end
            yield member


class _Writer:
    """An archive that is sent on while it is written."""

    def __init__(self) -> None:
        self._outbox = _Outbox()
        self._archive = zipfile.ZipFile(cast("IO[bytes]", self._outbox), "w")

    def abandon(self) -> None:
        """Forgets an archive that nobody reads to its end; one that was finished stays so."""
        self._archive.fp = None  # else zipfile would try to finish it when it is collected


class ZipWriter(_Writer):
    """Writes a zip of labelled PNG files; every method returns the bytes to send on.

    Its directory takes 50 bytes of memory per captcha, 200 while it is written at the end.
    """

    def __init__(self, start: int) -> None:
        super().__init__()
        self._index = start
        self._archive.filelist = cast("list[zipfile.ZipInfo]", _Directory())

    def add(self, pictures: Iterable[tuple[str, bytes]]) -> bytes:
        """Appends (label, PNG) pairs."""
        for text, png in pictures:
            # PNG is compressed already: stored, not deflated.
            self._archive.writestr(zipfile.ZipInfo(f"{text}_{self._index}.png", _DATE), png)
            # Only there to warn of equal names; the index makes them different.
            self._archive.NameToInfo.clear()
            self._index += 1
        return self._outbox.take()

    def finish(self) -> bytes:
        """Appends the directory."""
        self._archive.close()
        return self._outbox.take()


class NpzWriter(_Writer):
    """Writes an npz of captchas start..start+count-1; every method returns the bytes to send on."""

    def __init__(self, spec: CaptchaSpec, drawing: str, seed: int, start: int, count: int) -> None:
        super().__init__()
        self._spec, self._drawing = spec, drawing
        self._seed, self._start, self._count = seed, start, count
        self._digest = _new_digest(spec, drawing, seed, start, count)
        self._images = self._open("images")
        _write_header(self._images, np.dtype(np.uint8), (count, spec.height, spec.width))

    def add(self, pixels: bytes) -> bytes:
        """Appends whole images, row by row."""
        self._digest.update(pixels)
        self._images.write(pixels)
        return self._outbox.take()

    def finish(self, texts: Iterator[str]) -> Iterator[bytes]:
        """Appends the labels and the checksum; call it after all images are added."""
        self._images.close()
        dtype = _text_dtype(self._spec)
        with self._open("texts") as member:
            _write_header(member, dtype, (self._count,))
            while batch := list(islice(texts, _TEXTS_AT_ONCE)):
                encoded = np.array(batch, dtype).tobytes()
                self._digest.update(encoded)
                member.write(encoded)
                yield self._outbox.take()
        for name, value in {
            "spec": np.array(_canonical(self._spec)),
            "drawing": np.array(self._drawing),
            "seed": np.array(self._seed, "<i8"),
            "start": np.array(self._start, "<i8"),
            "sha256": np.array(self._digest.hexdigest()),
        }.items():
            with self._open(name) as member:
                npy.write_array(member, value, version=(1, 0))
        self._archive.close()
        yield self._outbox.take()

    def _open(self, name: str) -> IO[bytes]:
        # Of unknown size when it begins: zip64 from the start, as numpy itself does.
        return self._archive.open(zipfile.ZipInfo(f"{name}.npy", _DATE), "w", force_zip64=True)


def read_npz(path: Path) -> Dataset:
    """The dataset in a file. Raises DatasetError unless it is whole and unchanged."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            spec = CaptchaSpec.from_dict(json.loads(str(archive["spec"])))
            drawing = str(archive["drawing"])
            seed, start = int(archive["seed"]), int(archive["start"])
            images, texts = archive["images"], archive["texts"]
            claimed = str(archive["sha256"])
            count = len(texts)
    except Exception as error:
        # zipfile, numpy and json raise a dozen types on damaged files; all mean the same here.
        raise DatasetError(f"{path.name} is cut off or no dataset: {error}") from error
    shape = (count, spec.height, spec.width)
    if images.shape != shape or images.dtype != np.uint8 or texts.dtype != _text_dtype(spec):
        raise DatasetError(
            f"{path.name} holds {images.dtype} images {images.shape} and {texts.dtype} texts,"
            f" expected uint8 {shape} and {_text_dtype(spec)}"
        )
    digest = _new_digest(spec, drawing, seed, start, count)
    digest.update(np.ascontiguousarray(images))
    digest.update(np.ascontiguousarray(texts))
    if digest.hexdigest() != claimed:
        raise DatasetError(f"{path.name} does not match its checksum")
    return Dataset(spec, drawing, seed, start, images, [str(text) for text in texts])


def _text_dtype(spec: CaptchaSpec) -> np.dtype[Any]:
    return np.dtype(f"<U{spec.length}")


def _canonical(spec: CaptchaSpec) -> str:
    return json.dumps(spec.to_dict(), sort_keys=True)


def _new_digest(spec: CaptchaSpec, drawing: str, seed: int, start: int, count: int) -> Any:
    return hashlib.sha256(f"{_canonical(spec)}\n{drawing}\n{seed}\n{start}\n{count}\n".encode())


def _write_header(member: IO[bytes], dtype: np.dtype[Any], shape: Sequence[int]) -> None:
    description = {
        "descr": npy.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": tuple(shape),
    }
    npy.write_array_header_1_0(member, description)
