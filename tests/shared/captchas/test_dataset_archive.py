"""Dataset archives: byte-identical, verified, and read without loading the images."""

from __future__ import annotations

import hashlib
import io
import json
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.captchas.dataset_archive import Dataset, DatasetError, NpzWriter, ZipWriter, read_npz
from shared.captchas.spec import CaptchaSpec

SPEC = CaptchaSpec(charset="ab", length=2, width=20, height=16)
TEXTS = ["ab", "ba", "aa"]
IMAGES = np.arange(3 * 16 * 20, dtype=np.uint32).astype(np.uint8).reshape(3, 16, 20)


def written(count: int = 3, texts: list[str] = TEXTS, spec: CaptchaSpec = SPEC) -> bytes:
    """Return an archive of the images and these labels."""
    writer = NpzWriter(spec, "fonts", seed=7, start=40, count=count)
    return writer.add(IMAGES.tobytes()) + b"".join(writer.finish(iter(texts)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Write an archive and return its path."""
    path = tmp_path / "part.npz"
    path.write_bytes(written())
    return path


def rewritten(path: Path, save: Callable[..., None] = np.savez, **changes: Any) -> str:
    """Change members of an archive and return the message with which it is rejected."""
    with np.load(path) as archive:
        members = dict(archive)
    save(path, **(members | changes))
    with pytest.raises(DatasetError) as caught:
        read_npz(path)
    return str(caught.value)


# Reading


def test_a_written_dataset_is_read(path: Path) -> None:
    dataset = read_npz(path)
    assert (dataset.spec, dataset.renderer) == (SPEC, "fonts")
    assert (dataset.seed, dataset.start) == (7, 40)
    assert dataset.texts == TEXTS
    assert all(type(text) is str for text in dataset.texts)
    assert dataset.images.dtype == np.uint8
    assert np.array_equal(dataset.images, IMAGES)


def test_the_images_are_memory_mapped_and_read_only(path: Path) -> None:
    images = read_npz(path).images
    assert isinstance(images, np.memmap)
    assert images.shape == (3, 16, 20)
    with pytest.raises(ValueError, match="read-only"):
        images[0, 0, 0] = 1


def test_the_memory_for_reading_does_not_grow_with_the_images(tmp_path: Path) -> None:
    spec = CaptchaSpec("ab", 2, 500, 500)
    writer = NpzWriter(spec, "fonts", 1, 0, 40)
    path = tmp_path / "large.npz"
    with path.open("wb") as file:
        for _ in range(40):
            file.write(writer.add(bytes(250_000)))
        for chunk in writer.finish(iter(["ab"] * 40)):
            file.write(chunk)
    assert path.stat().st_size > 10_000_000
    tracemalloc.start()
    dataset = read_npz(path)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
    assert dataset.images.shape == (40, 500, 500)


def test_numpy_can_read_the_archive(path: Path) -> None:
    with np.load(path) as archive:
        assert set(archive) == {"images", "texts", "spec", "renderer", "seed", "start", "sha256"}
        assert np.array_equal(archive["images"], IMAGES)
        assert archive["texts"].tolist() == TEXTS
        assert archive["texts"].dtype == np.dtype("<U2")
        assert json.loads(str(archive["spec"])) == SPEC.to_dict()
        assert (str(archive["renderer"]), archive["seed"], archive["start"]) == ("fonts", 7, 40)
        assert archive["seed"].dtype == archive["start"].dtype == np.dtype("<i8")


def test_the_checksum_covers_request_images_and_labels(path: Path) -> None:
    header = json.dumps(SPEC.to_dict(), sort_keys=True) + "\nfonts\n7\n40\n3\n"
    content = header.encode() + IMAGES.tobytes() + np.array(TEXTS, "<U2").tobytes()
    with np.load(path) as archive:
        assert str(archive["sha256"]) == hashlib.sha256(content).hexdigest()


def test_labels_of_different_lengths_are_read(tmp_path: Path) -> None:
    spec = CaptchaSpec("ab", 2, 20, 16, 1)
    path = tmp_path / "part.npz"
    path.write_bytes(written(texts=["a", "ba", "b"], spec=spec))
    assert read_npz(path).texts == ["a", "ba", "b"]


def test_a_dataset_is_frozen(path: Path) -> None:
    dataset = read_npz(path)
    assert isinstance(dataset, Dataset)
    with pytest.raises(AttributeError):
        dataset.seed = 8  # type: ignore[misc]


# Damage


def test_a_file_truncated_anywhere_is_rejected(path: Path) -> None:
    whole = path.read_bytes()
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        with pytest.raises(DatasetError, match=r"^part\.npz is truncated or not a dataset: "):
            read_npz(path)


def test_a_missing_file_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"^gone\.npz is truncated or not a dataset: "):
        read_npz(tmp_path / "gone.npz")


def test_a_flipped_bit_in_an_image_or_label_is_detected(path: Path) -> None:
    whole = path.read_bytes()
    for content in (IMAGES.tobytes()[:64], IMAGES.tobytes()[-64:], np.array("ba").tobytes()):
        damaged = bytearray(whole)
        damaged[whole.index(content) + 4] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(DatasetError):
            read_npz(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"texts": np.array(TEXTS[::-1])},
        {"images": IMAGES[::-1]},
        {"seed": np.array(8)},
        {"start": np.array(41)},
        {"renderer": np.array("other fonts")},
        {"spec": np.array(json.dumps(SPEC.to_dict() | {"charset": "ba"}))},
        {"sha256": np.array("0" * 64)},
    ],
)
def test_a_changed_member_does_not_match_the_checksum(path: Path, changes: dict) -> None:
    assert rewritten(path, **changes) == "part.npz does not match its checksum"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"images": IMAGES[:2]},
            "part.npz contains uint8 images (2, 16, 20) and <U2 texts,"
            " expected uint8 (3, 16, 20) and <U2",
        ),
        (
            {"images": IMAGES[:, :, :19]},
            "part.npz contains uint8 images (3, 16, 19) and <U2 texts,"
            " expected uint8 (3, 16, 20) and <U2",
        ),
        (
            {"images": IMAGES.astype(np.int8)},
            "part.npz contains int8 images (3, 16, 20) and <U2 texts,"
            " expected uint8 (3, 16, 20) and <U2",
        ),
        (
            {"texts": np.array(["abb", "b", "a"])},
            "part.npz contains uint8 images (3, 16, 20) and <U3 texts,"
            " expected uint8 (3, 16, 20) and <U2",
        ),
    ],
)
def test_arrays_of_another_shape_or_type_are_rejected(
    path: Path, changes: dict, message: str
) -> None:
    assert rewritten(path, **changes) == message


def test_a_compressed_archive_is_rejected(path: Path) -> None:
    assert rewritten(path, np.savez_compressed) == (
        "part.npz is truncated or not a dataset: images.npy is compressed"
    )


def test_an_invalid_spec_is_rejected(path: Path) -> None:
    assert rewritten(path, spec=np.array('{"charset": "ab"}')).startswith(
        "part.npz is truncated or not a dataset: a spec has the fields"
    )


def test_pickled_objects_are_not_loaded(path: Path) -> None:
    message = rewritten(path, renderer=np.array({"an": "object"}, dtype=object))
    assert "allow_pickle=False" in message


def test_fewer_images_than_announced_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "part.npz"
    path.write_bytes(written(count=4, texts=[*TEXTS, "bb"]))
    with pytest.raises(DatasetError):
        read_npz(path)


def test_fewer_labels_than_announced_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "part.npz"
    path.write_bytes(written(texts=TEXTS[:2]))
    with pytest.raises(DatasetError):
        read_npz(path)


# Writing


def test_archives_of_the_same_captchas_are_byte_identical() -> None:
    writer = NpzWriter(SPEC, "fonts", seed=7, start=40, count=3)
    parts = [writer.add(image.tobytes()) for image in IMAGES]
    assert b"".join(parts) + b"".join(writer.finish(iter(TEXTS))) == written()
    with zipfile.ZipFile(io.BytesIO(written())) as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}


def test_the_members_can_exceed_4_gb() -> None:
    # The local header of each member has the zip64 extra field: id 1 with two 8-byte sizes.
    assert written().count(b".npy\x01\x00\x10\x00") == 7


def test_every_part_is_sent_when_it_is_written() -> None:
    count = 2_000
    writer = NpzWriter(SPEC, "fonts", 1, 0, count)
    image = bytes(SPEC.width * SPEC.height)
    assert len(writer.add(image)) >= len(image)
    assert len(writer.add(image)) == len(image)
    for _ in range(count - 2):
        writer.add(image)
    chunks = list(writer.finish("ab" for _ in range(count)))
    # 512 labels of 2 characters with 4 bytes in each chunk, and the members after them.
    assert len(chunks) == 5
    assert [len(chunk) for chunk in chunks[1:3]] == [4096, 4096]


def test_an_archive_can_be_closed_before_it_is_finished() -> None:
    npz = NpzWriter(SPEC, "fonts", 1, 0, 3)
    npz.add(IMAGES[:1].tobytes())
    npz.close()
    plain = ZipWriter(0)
    plain.add([("ab", b"png")])
    plain.close()
    for writer, captchas in ((npz, bytes(320)), (plain, [("ab", b"png")])):
        with pytest.raises(ValueError, match=r"closed"):
            writer.add(captchas)  # type: ignore[operator]


def test_closing_a_finished_archive_changes_nothing() -> None:
    writer = ZipWriter(5)
    data = writer.add([("ab", b"first")]) + writer.finish()
    writer.close()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["ab_5.png"]
    npz = NpzWriter(SPEC, "fonts", 7, 40, 3)
    data = npz.add(IMAGES.tobytes()) + b"".join(npz.finish(iter(TEXTS)))
    npz.close()
    assert data == written()


def test_a_zip_contains_labelled_images_and_is_byte_identical() -> None:
    def build() -> bytes:
        writer = ZipWriter(start=5)
        return writer.add([("ab", b"first")]) + writer.add([("ba", b"second")]) + writer.finish()

    with zipfile.ZipFile(io.BytesIO(build())) as archive:
        assert archive.namelist() == ["ab_5.png", "ba_6.png"]
        assert [archive.read(name) for name in archive.namelist()] == [b"first", b"second"]
        assert archive.testzip() is None
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}
    assert build() == build()


def test_one_call_adds_several_images_to_a_zip() -> None:
    writer = ZipWriter(0)
    data = writer.add([("ab", b"first"), ("ab", b"second")]) + writer.finish()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["ab_0.png", "ab_1.png"]


# Memory


def peak_bytes(write: Callable[[int], None], count: int) -> int:
    tracemalloc.start()
    write(count)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_the_memory_for_writing_an_npz_does_not_grow_with_the_count() -> None:
    image = bytes(SPEC.width * SPEC.height)

    def write(count: int) -> None:
        writer = NpzWriter(SPEC, "fonts", 1, 0, count)
        for _ in range(count):
            writer.add(image)
        for _ in writer.finish("ab" for _ in range(count)):
            pass

    assert peak_bytes(write, 40_000) < peak_bytes(write, 8_000) + 50_000


def test_writing_a_zip_keeps_only_its_directory_in_memory() -> None:
    def write(count: int) -> None:
        writer = ZipWriter(0)
        for _ in range(count):
            writer.add([("ab", bytes(8_000))])
        writer.finish()

    growth = peak_bytes(write, 6_000) - peak_bytes(write, 1_000)
    assert growth / 5_000 < 1_200, "bytes per captcha"
