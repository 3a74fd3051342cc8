"""The status of a training is replaced as a whole, and a file that is not one is a clear error."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.versions.training_status import (
    EpochDone,
    LossPoint,
    TrainingSample,
    TrainingStatus,
    TrainingStatusError,
    read_training_status,
    remove_partial_statuses,
    write_training_status,
)

NOW = datetime(2026, 11, 25, 12, 0, 30, tzinfo=UTC)
STATUS = TrainingStatus(
    state="training", started=NOW, updated=NOW, network="medium", init="bundled", epochs=2
)
FULL = STATUS.model_copy(
    update={
        "spec": {"charset": "0123456789", "length": 4, "width": 160, "height": 60},
        "epoch": 2,
        "step": 25,
        "steps": 100,
        "progress": 0.625,
        "seconds_left": 12.5,
        "loss": (LossPoint(epoch=0.25, loss=1.5),),
        "epochs_done": (
            EpochDone(epoch=1, loss=None, validation_loss=0.25, validation_accuracy=0.9),
        ),
        "samples": (TrainingSample(image="iVBOR", label="0123", prediction="0723"),),
    }
)


def test_a_status_is_read_as_it_was_written(tmp_path: Path) -> None:
    directory = tmp_path / "models"
    assert read_training_status(directory) is None
    for status in (STATUS, FULL):
        write_training_status(directory, status)
        assert read_training_status(directory) == status
    assert [path.name for path in directory.iterdir()] == ["training.json"]


def test_times_are_written_in_utc(tmp_path: Path) -> None:
    write_training_status(tmp_path, STATUS)
    assert '"updated":"2026-11-25T12:00:30Z"' in (tmp_path / "training.json").read_text()


def test_every_user_can_read_the_status(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_training_status(tmp_path, STATUS)
    finally:
        os.umask(before)
    assert (tmp_path / "training.json").stat().st_mode & 0o777 == 0o644


def test_a_reader_never_sees_a_partial_status(tmp_path: Path) -> None:
    long = STATUS.model_copy(update={"reason": "x" * 500_000})
    write_training_status(tmp_path, STATUS)
    has_ended = threading.Event()
    lengths: set[int] = set()
    errors: list[Exception] = []

    def read() -> None:
        while not has_ended.is_set():
            try:
                status = read_training_status(tmp_path)
                lengths.add(len(status.reason or "") if status else -1)
            except TrainingStatusError as error:
                errors.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(100):
        write_training_status(tmp_path, long)
        write_training_status(tmp_path, STATUS)
    has_ended.set()
    reader.join()
    assert errors == []
    assert lengths == {0, 500_000}


def test_a_failed_write_keeps_the_status_and_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "training.json").mkdir()  # cannot be replaced by a file
    with pytest.raises(OSError, match=r"training\.json"):
        write_training_status(tmp_path, STATUS)
    assert [path.name for path in tmp_path.iterdir()] == ["training.json"]


def test_the_files_of_killed_trainers_are_removed(tmp_path: Path) -> None:
    write_training_status(tmp_path, STATUS)
    for name, age_s in (("old", 100), ("new", 10)):
        partial = tmp_path / f".training-{name}.part"
        partial.write_text("{")
        os.utime(partial, (0, time.time() - age_s))
    remove_partial_statuses(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"training.json", ".training-new.part"}, "the new one may be written now"
    remove_partial_statuses(tmp_path / "missing")


VALID = STATUS.model_dump_json()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"^training\.json is invalid: Invalid JSON: EOF"),
        (VALID[:-9], r"^training\.json is invalid: Invalid JSON: EOF"),
        ("[]", r"^training\.json is invalid: Input should be an object"),
        ("\x00" * 100, r"^training\.json is invalid: Invalid JSON"),
        (VALID.replace('"format":1', '"format":2'), r"format 2 is of another release; .* reads 1"),
        (VALID.replace("training", "napping"), r"^training\.json is invalid: state: Input should"),
        (VALID.replace("12:00:30Z", "12:00:30"), r"started: Input should have timezone info"),
        (VALID.replace('"epoch":0', '"epoch":0,"secret":1'), r"secret: Extra inputs are not"),
        (VALID + " " * 2_000_000, r"^training\.json cannot be read: more than 2,000,000 bytes$"),
    ],
)
def test_a_file_that_is_no_status_is_an_error(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "training.json").write_text(content)
    with pytest.raises(TrainingStatusError, match=message):
        read_training_status(tmp_path)


def test_a_link_a_pipe_and_a_directory_are_errors(tmp_path: Path) -> None:
    path = tmp_path / "training.json"
    (tmp_path / "secret").write_text(VALID)
    path.symlink_to(tmp_path / "secret")
    with pytest.raises(TrainingStatusError, match=r"^training\.json cannot be read: "):
        read_training_status(tmp_path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(
        TrainingStatusError, match=r"^training\.json cannot be read: not a regular file$"
    ):
        read_training_status(tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(
        TrainingStatusError, match=r"^training\.json cannot be read: Is a directory$"
    ):
        read_training_status(tmp_path)


def test_a_running_trainer_is_stale_after_a_minute_without_a_status() -> None:
    assert STATUS.is_running
    assert not STATUS.is_stale(NOW + timedelta(seconds=60))
    assert STATUS.is_stale(NOW + timedelta(seconds=61))


@pytest.mark.parametrize("state", ["published", "rejected", "failed", "stopped", "unchanged"])
def test_an_ended_training_is_never_stale(state: str) -> None:
    ended = STATUS.model_copy(update={"state": state})
    assert not ended.is_running
    assert not ended.is_stale(NOW + timedelta(days=1))
