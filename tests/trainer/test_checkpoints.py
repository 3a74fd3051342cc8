from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from trainer.checkpoints import Checkpoint, Checkpoints

SHAPES = [(2, 3), (), (4,)]


def checkpoint(number: int) -> Checkpoint:
    rng = np.random.default_rng(number)
    return Checkpoint(number, [rng.normal(size=shape) for shape in SHAPES], {"best": number})


def same(a: Checkpoint | None, b: Checkpoint) -> bool:
    return (
        a is not None
        and (a.number, a.state) == (b.number, b.state)
        and all(np.array_equal(x, y) for x, y in zip(a.arrays, b.arrays, strict=True))
    )


def test_the_last_one_comes_back_and_two_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.load(SHAPES) is None
    for number in (1, 2, 3, 12):
        checkpoints.save(checkpoint(number))
    assert same(checkpoints.load(SHAPES), checkpoint(12))
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        "pass-00003.npz",
        "pass-00012.npz",
    ]
    checkpoints.clear()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "text"])
def test_a_damaged_one_is_set_aside_with_a_message(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(checkpoint(1))
    checkpoints.save(checkpoint(2))
    path = tmp_path / "pass-00002.npz"
    data = path.read_bytes()
    middle = data.index(checkpoint(2).arrays[0].tobytes())
    path.write_bytes(
        {
            "cut": data[:-30],
            "flip": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
            "empty": b"",
            "text": b"hello",
        }[damage]
    )
    with caplog.at_level(logging.WARNING):
        assert same(checkpoints.load(SHAPES), checkpoint(1))
    assert "pass-00002.npz cannot be used" in caplog.text
    assert "set aside as pass-00002.damaged" in caplog.text
    assert (tmp_path / "pass-00002.damaged").exists()


def test_whatever_bit_is_flipped_the_one_before_comes_back(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(checkpoint(1))
    checkpoints.save(checkpoint(2))
    path = tmp_path / "pass-00002.npz"
    data = path.read_bytes()
    for position in range(len(data)):
        path.write_bytes(data[:position] + bytes([data[position] ^ 0x80]) + data[position + 1 :])
        found = checkpoints.load(SHAPES)
        # A flip where nothing is told, as in a time, does not hurt.
        assert same(found, checkpoint(2) if path.exists() else checkpoint(1)), position


def test_the_room_that_they_will_take_is_counted(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    arrays = [np.zeros(1_000_000)]
    assert checkpoints.count_missing_bytes(arrays) == 3 * 8_000_000
    checkpoints.save(Checkpoint(1, arrays, {}))
    checkpoints.save(Checkpoint(2, arrays, {}))
    assert checkpoints.count_missing_bytes(arrays) == pytest.approx(8_000_000, rel=0.01)


def test_one_of_another_network_is_set_aside(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(checkpoint(1))
    assert checkpoints.load([(9, 9)]) is None
    assert [path.suffix for path in tmp_path.iterdir()] == [".damaged"]


def test_one_of_an_older_release_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoints = Checkpoints(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("trainer.checkpoints._FORMAT", 1)
        checkpoints.save(checkpoint(1))
    assert checkpoints.load(SHAPES) is None
    assert "format 1, expected" in caplog.text
    assert [path.suffix for path in tmp_path.iterdir()] == [".damaged"]


def test_one_that_was_never_finished_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "pass-00007.part").write_bytes(b"half")
    assert Checkpoints(tmp_path).load(SHAPES) is None
