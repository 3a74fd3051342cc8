"""Checkpoints survive kills and damage."""

from __future__ import annotations

import io
import json
import logging
import zipfile
from pathlib import Path

import numpy as np
import pytest

from trainer.training.checkpoints import Checkpoint, CheckpointStore

SHAPES = [(2, 3), (), (4,)]


def build(epoch: int) -> Checkpoint:
    rng = np.random.default_rng(epoch)
    variables = [rng.normal(size=shape) for shape in SHAPES]
    kept = [np.full(2, epoch, np.float32), np.zeros((0, 3), np.uint8)]
    state = {"stopping": {"best": epoch / 3, "lowest": float("inf")}, "history": {"epochs": []}}
    return Checkpoint(epoch, {"variables": variables, "kept_weights": kept}, state)


def assert_equal(found: Checkpoint | None, expected: Checkpoint) -> None:
    assert found is not None
    assert (found.epoch, found.state) == (expected.epoch, expected.state)
    assert found.arrays.keys() == expected.arrays.keys()
    for name, arrays in expected.arrays.items():
        for a, b in zip(found.arrays[name], arrays, strict=True):
            assert np.array_equal(a, b)
            assert a.dtype == b.dtype


def list_names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_the_latest_checkpoint_is_loaded(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    store.save(build(9))
    store.save(build(10))
    assert_equal(store.load(SHAPES), build(10))


def test_an_empty_directory_has_no_checkpoint(tmp_path: Path) -> None:
    assert CheckpointStore(tmp_path).load(SHAPES) is None


def test_more_than_ten_arrays_keep_their_order(tmp_path: Path) -> None:
    arrays = [np.array(i) for i in range(1_001)]
    store = CheckpointStore(tmp_path)
    store.save(Checkpoint(1, {"variables": arrays}, {}))
    found = store.load([()] * 1_001)
    assert found is not None
    assert [int(array) for array in found.arrays["variables"]] == list(range(1_001))


def test_the_last_two_checkpoints_are_kept(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    store.save(build(1))
    assert list_names(tmp_path) == ["epoch-00001.npz"]
    for epoch in (2, 3, 12):
        store.save(build(epoch))
    assert list_names(tmp_path) == ["epoch-00003.npz", "epoch-00012.npz"]


def test_saving_an_epoch_again_replaces_its_checkpoint(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    store.save(build(1))
    again = Checkpoint(1, build(7).arrays, build(7).state)
    store.save(again)
    assert list_names(tmp_path) == ["epoch-00001.npz"]
    assert_equal(store.load(SHAPES), again)


def test_clear_deletes_checkpoints_and_their_remains_but_nothing_else(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    store.save(build(1))
    for name in (
        ".epoch-00002.npz.0123abcd.part",
        "epoch-00003.damaged",
        ".lock",
        "events.out.tfevents.1",
    ):
        (tmp_path / name).touch()
    store.clear()
    assert list_names(tmp_path) == [".lock", "events.out.tfevents.1"]


DAMAGES = {
    "truncated": lambda content: content[:-30],
    "cut in half": lambda content: content[: len(content) // 2],
    "empty": lambda _: b"",
    "text": lambda _: b"hello",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_is_set_aside_and_the_one_before_is_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: object
) -> None:
    store = CheckpointStore(tmp_path)
    store.save(build(1))
    store.save(build(2))
    path = tmp_path / "epoch-00002.npz"
    damaged = damage(path.read_bytes())  # type: ignore[operator]
    path.write_bytes(damaged)
    with caplog.at_level(logging.WARNING):
        assert_equal(store.load(SHAPES), build(1))
    (message,) = caplog.messages
    assert message.startswith(f"checkpoint {path} is unusable (")
    assert message.endswith("); renamed to epoch-00002.damaged, trying the one before it")
    assert list_names(tmp_path) == ["epoch-00001.npz", "epoch-00002.damaged"]
    assert (tmp_path / "epoch-00002.damaged").read_bytes() == damaged


def test_a_flipped_bit_in_an_array_is_found(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = CheckpointStore(tmp_path)
    store.save(build(1))
    path = tmp_path / "epoch-00001.npz"
    content = bytearray(path.read_bytes())
    content[content.index(build(1).arrays["variables"][0].tobytes())] ^= 1
    path.write_bytes(content)
    assert store.load(SHAPES) is None
    assert "variables/0000.npy does not match its checksum" in caplog.text


def test_whichever_byte_is_damaged_no_wrong_checkpoint_is_loaded(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    store.save(build(1))
    store.save(build(2))
    path = tmp_path / "epoch-00002.npz"
    content = path.read_bytes()
    for position in range(0, len(content), 3):
        path.write_bytes(
            content[:position] + bytes([content[position] ^ 0x80]) + content[position + 1 :]
        )
        found = store.load(SHAPES)
        # A flip in an unused field, such as a date, has no effect.
        assert_equal(found, build(2) if path.exists() else build(1))


@pytest.mark.parametrize("shapes", [[(9, 9)], [(2, 3), ()], [*SHAPES, (1,)], [(3, 2), (), (4,)]])
def test_a_checkpoint_of_another_network_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, shapes: list[tuple[int, ...]]
) -> None:
    store = CheckpointStore(tmp_path)
    store.save(build(1))
    assert store.load(shapes) is None
    assert "(it belongs to another network)" in caplog.text
    assert list_names(tmp_path) == ["epoch-00001.damaged"]


def test_a_checkpoint_in_an_older_format_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = CheckpointStore(tmp_path)
    store.save(build(1))
    path = tmp_path / "epoch-00001.npz"
    with np.load(path) as archive:
        members = dict(archive)
    header = json.loads(str(members.pop("header"))) | {"format": 3}
    np.savez(path, header=np.array(json.dumps(header)), **members)
    assert store.load(SHAPES) is None
    assert "(format 3, expected 4)" in caplog.text


def test_a_pickled_object_is_not_loaded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    content = io.BytesIO()
    np.savez(content, header=np.array(["x"], dtype=object))
    (tmp_path / "epoch-00001.npz").write_bytes(content.getvalue())
    assert CheckpointStore(tmp_path).load(SHAPES) is None
    assert "allow_pickle=False" in caplog.text


def test_a_partial_file_of_a_killed_process_does_not_count(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    store.save(build(6))
    partial = tmp_path / ".epoch-00007.npz.0123abcd.part"
    partial.write_bytes((tmp_path / "epoch-00006.npz").read_bytes()[:99])
    assert_equal(store.load(SHAPES), build(6))
    store.save(build(7))
    assert not partial.exists()


def test_a_failed_write_leaves_the_earlier_checkpoint(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    store.save(build(1))
    (tmp_path / "epoch-00002.npz").mkdir()  # it cannot be replaced
    with pytest.raises(IsADirectoryError):
        store.save(build(2))
    (tmp_path / "epoch-00002.npz").rmdir()
    assert list_names(tmp_path) == ["epoch-00001.npz"]
    assert_equal(store.load(SHAPES), build(1))


def test_an_unreadable_checkpoint_is_not_taken_for_a_damaged_one(tmp_path: Path) -> None:
    (tmp_path / "epoch-00001.npz").mkdir()
    with pytest.raises(IsADirectoryError):
        CheckpointStore(tmp_path).load(SHAPES)
    assert list_names(tmp_path) == ["epoch-00001.npz"]


def test_the_arrays_are_stored_uncompressed_beside_a_json_header(tmp_path: Path) -> None:
    CheckpointStore(tmp_path).save(build(1))
    with zipfile.ZipFile(tmp_path / "epoch-00001.npz") as archive:
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        assert sorted(archive.namelist()) == [
            "header.npy",
            "kept_weights/0000.npy",
            "kept_weights/0001.npy",
            "variables/0000.npy",
            "variables/0001.npy",
            "variables/0002.npy",
        ]


def test_space_is_needed_for_three_checkpoints_at_a_time(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    arrays = {"variables": [np.zeros(10_000)], "kept_weights": [np.zeros(5_000, np.float32)]}
    size = 80_000 + 20_000
    assert store.count_missing_bytes(arrays) == 3 * size
    store.save(Checkpoint(1, arrays, {}))
    first = (tmp_path / "epoch-00001.npz").stat().st_size
    assert store.count_missing_bytes(arrays) == 3 * size - first
    store.save(Checkpoint(2, arrays, {}))
    (tmp_path / "epoch-00003.npz").write_bytes(bytes(size))
    assert store.count_missing_bytes(arrays) == 0
