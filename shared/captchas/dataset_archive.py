"""Dataset archives: written while the captchas are rendered, verified when they are read.

npz: `images` uint8 (N, height, width), `texts` (N,), and for verification `spec` (JSON),
`renderer` (fingerprint of the rendering libraries and fonts), `seed`, `start` and `sha256` over all
of them. zip: PNG files `<label>_<index>.png`, each with its CRC-32. A truncated zip has no central
directory, so readers reject it.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from shared.captchas.spec import CaptchaSpec

if TYPE_CHECKING:
    from hashlib import _Hash

# A fixed date makes archives of one seed byte-identical; 1980 is the earliest in a zip.
_DATE = (1980, 1, 1, 0, 0, 0)
_TEXTS_PER_CHUNK = 512  # generating them takes 4 ms
_LOCAL_HEADER_BYTES = 30


class DatasetError(ValueError):
    """A dataset that is truncated, damaged or not the requested one."""


@dataclass(frozen=True)
class Dataset:
    """Captchas start..start+N-1 of a seed, verified.

    Attributes:
        spec: the captchas.
        renderer: fingerprint of the rendering libraries and fonts.
        seed: seed of the dataset.
        start: index of the first captcha.
        images: grey, uint8 (N, height, width), memory-mapped from the file.
        texts: N labels.
    """

    spec: CaptchaSpec
    renderer: str
    seed: int
    start: int
    images: npt.NDArray[np.uint8]
    texts: list[str]


class _Buffer:
    """A write-only stream for zipfile; `take` returns and removes what was written."""

    def __init__(self) -> None:
        self._content = bytearray()

    def write(self, data: bytes) -> int:
        self._content += data
        return len(data)

    def flush(self) -> None:
        """Do nothing: zipfile requires the method."""

    def take(self) -> bytes:
        content = bytes(self._content)
        self._content.clear()
        return content


class _Writer:
    """An archive that is sent while it is written."""

    def __init__(self) -> None:
        self._buffer = _Buffer()
        self._archive = zipfile.ZipFile(cast("IO[bytes]", self._buffer), "w")

    def close(self) -> None:
        """Release an archive whose reader disconnected. A finished archive is unaffected."""
        self._archive.close()
        self._buffer.take()


class ZipWriter(_Writer):
    """Writes a zip of labelled PNG files; every method returns the bytes to send.

    zipfile keeps about 1 kB per file until the archive is finished.
    """

    def __init__(self, start: int) -> None:
        super().__init__()
        self._index = start

    def add(self, captchas: Iterable[tuple[str, bytes]]) -> bytes:
        """Append (label, PNG) pairs."""
        for text, png in captchas:
            # Stored, not deflated: a PNG is compressed already.
            self._archive.writestr(zipfile.ZipInfo(f"{text}_{self._index}.png", _DATE), png)
            self._index += 1
        return self._buffer.take()

    def finish(self) -> bytes:
        """Append the central directory."""
        self._archive.close()
        return self._buffer.take()


class NpzWriter(_Writer):
    """Writes an npz of captchas start..start+count-1; every method returns the bytes to send."""

    def __init__(self, spec: CaptchaSpec, renderer: str, seed: int, start: int, count: int) -> None:
        super().__init__()
        self._spec, self._renderer = spec, renderer
        self._seed, self._start, self._count = seed, start, count
        self._digest = _new_digest(spec, renderer, seed, start, count)
        self._images = self._open("images")
        _write_header(self._images, np.dtype(np.uint8), (count, spec.height, spec.width))

    def add(self, pixels: bytes) -> bytes:
        """Append the pixels of whole images, in row-major order."""
        self._digest.update(pixels)
        self._images.write(pixels)
        return self._buffer.take()

    def finish(self, texts: Iterator[str]) -> Iterator[bytes]:
        """Append the labels and the checksum, after all images were added."""
        self._images.close()
        dtype = _text_dtype(self._spec)
        with self._open("texts") as member:
            _write_header(member, dtype, (self._count,))
            while chunk := list(islice(texts, _TEXTS_PER_CHUNK)):
                encoded = np.array(chunk, dtype).tobytes()
                self._digest.update(encoded)
                member.write(encoded)
                yield self._buffer.take()
        for name, value in {
            "spec": np.array(_spec_json(self._spec)),
            "renderer": np.array(self._renderer),
            "seed": np.array(self._seed, "<i8"),
            "start": np.array(self._start, "<i8"),
            "sha256": np.array(self._digest.hexdigest()),
        }.items():
            with self._open(name) as member:
                npy.write_array(member, value, version=(1, 0))
        self._archive.close()
        yield self._buffer.take()

    def close(self) -> None:
        """Release an archive whose reader disconnected. A finished archive is unaffected."""
        self._images.close()  # zipfile cannot close while a member is open
        super().close()

    def _open(self, name: str) -> IO[bytes]:
        # The size is unknown, so zip64 from the start, as numpy does.
        return self._archive.open(zipfile.ZipInfo(f"{name}.npy", _DATE), "w", force_zip64=True)


def read_npz(path: Path) -> Dataset:
    """Return the dataset in a file, its images memory-mapped.

    Raises:
        DatasetError: if the file is incomplete or was changed.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            spec = CaptchaSpec.from_dict(json.loads(str(archive["spec"])))
            renderer = str(archive["renderer"])
            seed, start = int(archive["seed"]), int(archive["start"])
            texts = archive["texts"]
            claimed = str(archive["sha256"])
        images = _map_images(path)
        count = len(texts)
    except Exception as error:
        # zipfile, numpy and json raise a dozen types on damaged files.
        raise DatasetError(f"{path.name} is truncated or not a dataset: {error}") from error
    shape = (count, spec.height, spec.width)
    if images.shape != shape or images.dtype != np.uint8 or texts.dtype != _text_dtype(spec):
        raise DatasetError(
            f"{path.name} contains {images.dtype} images {images.shape} and {texts.dtype} texts,"
            f" expected uint8 {shape} and {_text_dtype(spec)}"
        )
    digest = _new_digest(spec, renderer, seed, start, count)
    digest.update(np.ascontiguousarray(images).data)
    digest.update(np.ascontiguousarray(texts).data)
    if digest.hexdigest() != claimed:
        raise DatasetError(f"{path.name} does not match its checksum")
    return Dataset(spec, renderer, seed, start, images, [str(text) for text in texts])


def _map_images(path: Path) -> npt.NDArray[np.uint8]:
    """Memory-map the array `images`; numpy maps only plain .npy files.

    The member is stored uncompressed, so its bytes can be mapped where they are. They follow the
    local file header, whose name and extra field vary in length (APPNOTE 6.3.10, section 4.3.7).
    """
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        member = archive.getinfo("images.npy")
        if member.compress_type != zipfile.ZIP_STORED:
            raise ValueError("images.npy is compressed")
        file.seek(member.header_offset)
        header = file.read(_LOCAL_HEADER_BYTES)
        name_bytes, extra_bytes = (int.from_bytes(header[i : i + 2], "little") for i in (26, 28))
        file.seek(name_bytes + extra_bytes, 1)
        npy.read_magic(file)
        shape, _, dtype = npy.read_array_header_1_0(file)
        return np.memmap(file, dtype, "r", file.tell(), shape)


def _text_dtype(spec: CaptchaSpec) -> np.dtype[Any]:
    return np.dtype(f"<U{spec.length}")


def _spec_json(spec: CaptchaSpec) -> str:
    return json.dumps(spec.to_dict(), sort_keys=True)


def _new_digest(spec: CaptchaSpec, renderer: str, seed: int, start: int, count: int) -> _Hash:
    return hashlib.sha256(f"{_spec_json(spec)}\n{renderer}\n{seed}\n{start}\n{count}\n".encode())


def _write_header(member: IO[bytes], dtype: np.dtype[Any], shape: Sequence[int]) -> None:
    description = {
        "descr": npy.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": tuple(shape),
    }
    npy.write_array_header_1_0(member, description)
