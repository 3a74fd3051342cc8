from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from shared.dataset_archive import DatasetError, NpzWriter, ZipWriter, read_npz
from shared.spec import CaptchaSpec

SPEC = CaptchaSpec(charset="ab", length=2, width=20, height=16)
TEXTS = ["ab", "ba", "aa"]
IMAGES = np.arange(3 * 16 * 20, dtype=np.uint32).astype(np.uint8).reshape(3, 16, 20)


def written(count: int = 3, texts: list[str] = TEXTS) -> bytes:
    writer = NpzWriter(SPEC, "drawn", seed=7, start=40, count=count)
    return writer.add(IMAGES.tobytes()) + b"".join(writer.finish(iter(texts)))


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "part.npz"
    path.write_bytes(written())
    dataset = read_npz(path)
    assert (dataset.spec, dataset.drawing) == (SPEC, "drawn")
    assert (dataset.seed, dataset.start) == (7, 40)
    assert dataset.texts == TEXTS
    assert np.array_equal(dataset.images, IMAGES)


def test_numpy_alone_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "part.npz"
    path.write_bytes(written())
    with np.load(path) as archive:
        assert archive["images"].shape == (3, 16, 20)
        assert archive["texts"].tolist() == TEXTS


def test_a_file_cut_anywhere_is_never_taken_for_data(tmp_path: Path) -> None:
    whole = written()
    path = tmp_path / "part.npz"
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        with pytest.raises(DatasetError):
            read_npz(path)


def test_a_flipped_bit_in_an_image_or_label_is_noticed(tmp_path: Path) -> None:
    whole = written()
    path = tmp_path / "part.npz"
    for needle in (IMAGES.tobytes()[:64], np.array("ba").tobytes()):
        damaged = bytearray(whole)
        damaged[whole.index(needle) + 4] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(DatasetError):
            read_npz(path)


def test_swapped_labels_with_right_crcs_do_not_match_the_checksum(tmp_path: Path) -> None:
    path = tmp_path / "part.npz"
    path.write_bytes(written())
    with np.load(path) as archive:
        members = dict(archive)
    members["texts"] = members["texts"][::-1]
    np.savez(path, **members)
    with pytest.raises(DatasetError, match="does not match its checksum"):
        read_npz(path)


def test_fewer_images_than_announced_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "part.npz"
    path.write_bytes(written(count=4, texts=[*TEXTS, "bb"]))
    with pytest.raises(DatasetError):
        read_npz(path)


def peak_bytes(write: Callable[[int], None], count: int) -> int:
    tracemalloc.start()
    write(count)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_count_of_an_npz() -> None:
    image = bytes(SPEC.width * SPEC.height)

    def write(count: int) -> None:
        writer = NpzWriter(SPEC, "drawn", 1, 0, count)
        for _ in range(count):
            writer.add(image)
        for _ in writer.finish("ab" for _ in range(count)):
            pass

    assert peak_bytes(write, 40_000) < peak_bytes(write, 8_000) + 50_000


def test_a_zip_keeps_only_its_directory_in_memory() -> None:
    def write(count: int) -> None:
        writer = ZipWriter(0)
        for _ in range(count):
            writer.add([("ab", bytes(8_000))])
        writer.finish()

    growth = peak_bytes(write, 6_000) - peak_bytes(write, 1_000)
    assert growth / 5_000 < 250, "bytes per captcha"


def test_a_zip_holds_labelled_pictures_and_is_the_same_every_time() -> None:
    def build() -> bytes:
        writer = ZipWriter(start=5)
        return writer.add([("ab", b"first")]) + writer.add([("ba", b"second")]) + writer.finish()

    with zipfile.ZipFile(io.BytesIO(build())) as archive:
        assert archive.namelist() == ["ab_5.png", "ba_6.png"]
        assert archive.read("ba_6.png") == b"second"
        assert archive.testzip() is None
    assert build() == build()
