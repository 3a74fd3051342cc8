"""The status of a training is written in time, says how it ended, and never fails it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.versions.training_status import TrainingStatus, read_training_status
from tests.conftest import TINY
from tests.trainer.clock import Clock
from tests.trainer.conftest import change
from trainer.errors import (
    DirectoryLockedError,
    DiskSpaceError,
    GeneratorError,
    ImageFolderError,
    QualityGateError,
    TrainerError,
)
from trainer.status_writer import StatusWriter

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
VALID = TrainingStatus(
    state="stopped", started=NOW, updated=NOW, network="medium", init="bundled", epochs=2
).model_dump_json()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def read(directory: Path) -> TrainingStatus:
    status = read_training_status(directory)
    assert status is not None
    return status


def end_with(error: BaseException, directory: Path) -> TrainingStatus:
    """Return the status after a training that raised an error."""
    with pytest.raises(type(error)), StatusWriter(directory, TINY):
        raise error
    return read(directory)


# When it is written


def test_a_training_begins_by_waiting_for_the_generator(tmp_path: Path) -> None:
    directory = tmp_path / "models"
    with StatusWriter(directory, TINY):
        status = read(directory)
    assert (status.state, status.network, status.init, status.epochs) == (
        "waiting",
        "compact",
        "scratch",
        1,
    )
    assert status.started == status.updated


def test_the_same_state_is_written_at_most_once_a_second(tmp_path: Path, clock: Clock) -> None:
    with StatusWriter(tmp_path, TINY, clock) as status:
        status.update(state="fetching", captchas_fetched=1)
        clock.now += 0.99
        assert not status.is_due
        status.update(captchas_fetched=2)
        assert read(tmp_path).captchas_fetched == 1
        clock.now += 0.01
        assert status.is_due
        status.update(captchas_fetched=3)
        assert read(tmp_path).captchas_fetched == 3


def test_a_new_state_is_written_at_once_with_all_earlier_changes(
    tmp_path: Path, clock: Clock
) -> None:
    with StatusWriter(tmp_path, TINY, clock) as status:
        status.update(captchas_fetched=7)
        status.update(state="training")
        assert (read(tmp_path).state, read(tmp_path).captchas_fetched) == ("training", 7)


def test_a_training_without_progress_is_written_again_and_again(
    tmp_path: Path, clock: Clock
) -> None:
    with StatusWriter(tmp_path, TINY, clock, heartbeat_s=0.01) as status:
        path = tmp_path / "training.json"
        first = path.stat().st_ino, path.stat().st_mtime_ns
        status.update(captchas_fetched=5)  # not due
        wait_until(lambda: read(tmp_path).captchas_fetched == 5)
        assert (path.stat().st_ino, path.stat().st_mtime_ns) != first
    ended = path.stat().st_mtime_ns
    time.sleep(0.05)
    assert path.stat().st_mtime_ns == ended


def wait_until(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_the_files_of_a_trainer_that_was_killed_are_removed(tmp_path: Path) -> None:
    partial = tmp_path / ".training-x.part"
    partial.write_text("{")
    os.utime(partial, (0, 0))
    with StatusWriter(tmp_path, TINY):
        assert [path.name for path in tmp_path.iterdir()] == ["training.json"]


# How it ends


def test_an_end_without_a_version_has_a_reason(tmp_path: Path) -> None:
    with StatusWriter(tmp_path, TINY) as status:
        status.update(progress=0.5, seconds_left=5.0)
        status.end("rejected", "the new model is worse")
    assert read(tmp_path).state == "rejected"
    assert read(tmp_path).reason == "the new model is worse"
    assert read(tmp_path).progress is None
    assert read(tmp_path).seconds_left is None


def end_unchanged(directory: Path, clock: Clock) -> TrainingStatus:
    """Return the status after a trainer that had nothing to do."""
    with StatusWriter(directory, change(TINY, epochs=9), clock) as status:
        assert read(directory).state == "waiting"
        status.end_unchanged("version 1 was trained with these settings")
    return read(directory)


def test_a_trainer_with_nothing_to_do_keeps_the_published_training(
    tmp_path: Path, clock: Clock
) -> None:
    with StatusWriter(tmp_path, TINY, clock) as status:
        status.update(state="published", version=1, loss=({"epoch": 1, "loss": 0.5},))
    published = read(tmp_path)
    for _ in range(2):
        kept = end_unchanged(tmp_path, clock)
        assert kept.reason == "version 1 was trained with these settings"
        assert kept.updated >= published.updated
        changed = {"reason": None, "updated": published.updated}
        assert kept.model_copy(update=changed) == published


def test_a_trainer_with_nothing_to_do_keeps_why_the_model_was_rejected(
    tmp_path: Path, clock: Clock
) -> None:
    with StatusWriter(tmp_path, TINY, clock) as status:
        status.end("rejected", "the new model is worse")
    kept = end_unchanged(tmp_path, clock)
    assert (kept.state, kept.reason, kept.epochs) == ("rejected", "the new model is worse", 1)


@pytest.mark.parametrize("content", [None, "{", VALID.replace("stopped", "training"), VALID])
def test_a_trainer_with_nothing_to_do_keeps_no_training_that_did_not_end(
    tmp_path: Path, clock: Clock, content: str | None
) -> None:
    if content:
        (tmp_path / "training.json").write_text(content)
    status = end_unchanged(tmp_path, clock)
    assert (status.state, status.epochs) == ("unchanged", 9)
    assert status.reason == "version 1 was trained with these settings"


def test_the_last_changes_are_written_at_the_end(tmp_path: Path, clock: Clock) -> None:
    with StatusWriter(tmp_path, TINY, clock) as status:
        status.update(state="published", version=3)
        status.update(step=9)
    assert (read(tmp_path).version, read(tmp_path).step) == (3, 9)


def test_a_model_below_the_required_accuracy_is_rejected(tmp_path: Path) -> None:
    error = QualityGateError("accuracy 96.20% is 3 captchas below the required 97.00%")
    status = end_with(error, tmp_path)
    assert (status.state, status.reason) == ("rejected", str(error))


@pytest.mark.parametrize("error", [TrainerError("no data"), RuntimeError("no data")])
def test_an_error_is_a_failure_with_its_message(tmp_path: Path, error: Exception) -> None:
    status = end_with(error, tmp_path)
    assert (status.state, status.reason) == ("failed", "no data")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1)])
def test_a_stopped_training_has_no_reason(tmp_path: Path, error: BaseException) -> None:
    status = end_with(error, tmp_path)
    assert (status.state, status.reason) == ("stopped", None)


def test_a_published_version_stays_published_if_what_follows_fails(tmp_path: Path) -> None:
    def fail_after_publishing(status: StatusWriter) -> None:
        status.update(state="published", version=3)
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"), StatusWriter(tmp_path, TINY) as status:
        fail_after_publishing(status)
    assert (read(tmp_path).state, read(tmp_path).version) == ("published", 3)


def test_a_second_trainer_does_not_end_the_training_of_the_first(
    tmp_path: Path, clock: Clock
) -> None:
    with StatusWriter(tmp_path, TINY, clock) as first:
        end_with(
            DirectoryLockedError("a training with these settings is already running"), tmp_path
        )
        clock.now += 1
        first.update(state="training")
        assert read(tmp_path).state == "training"


# What it does not contain


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            GeneratorError("the generator at http://me:secret@host:8000/x was not ready: refused"),
            "the generator at … was not ready: refused",
        ),
        (
            ImageFolderError("/home/me/images/ab_1.png: text contains 'b'"),
            "ab_1.png: text contains 'b'",
        ),
        (DiskSpaceError("/data/runs/x has 5 MB free"), "x has 5 MB free"),
        (PermissionError(13, "Permission denied", "/home/me/models"), "Permission denied"),
        (OSError("cannot write '/home/me/x'"), "cannot write x'"),
        (RuntimeError("two\n  lines"), "two lines"),
        (MemoryError(), "MemoryError"),
        (RuntimeError("x" * 501), "x" * 499 + "…"),
        (RuntimeError("x" * 500), "x" * 500),
    ],
)
def test_a_reason_has_no_address_and_no_directory(
    tmp_path: Path, error: Exception, reason: str
) -> None:
    assert end_with(error, tmp_path).reason == reason


# Failures


def test_a_directory_that_cannot_be_written_is_one_warning(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "models").write_text("a file, not a directory")
    with StatusWriter(tmp_path / "models", TINY, clock) as status:
        status.update(state="fetching")
        status.update(state="training")
        clock.now += 5
        status.update(step=3)
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("the status cannot be written (")
    assert caplog.messages[0].endswith("; the training continues")


def test_a_status_is_written_again_when_it_can_be(tmp_path: Path, clock: Clock) -> None:
    blocker = tmp_path / "training.json"
    blocker.mkdir()
    with StatusWriter(tmp_path, TINY, clock) as status:
        blocker.rmdir()
        status.update(state="training")
        assert read(tmp_path).state == "training"


def test_a_wrong_value_is_a_warning_and_not_an_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with StatusWriter(tmp_path, TINY) as status:
        status.update(state="training", step=5)
        status.update(unknown=1)
    assert read(tmp_path).step == 5
    assert len(caplog.messages) == 1
