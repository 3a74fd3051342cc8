"""Trainings of seconds on drawn captchas."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.course.runs.fakes import RUN, build_workspace
from trainer.course.runs.captchas import EpochBatches, RunCaptchas, fetch_captchas
from trainer.course.runs.history import Row, read_history
from trainer.course.runs.run import Run
from trainer.course.runs.training import train_run


@pytest.fixture
def captchas(tmp_path: Path) -> RunCaptchas:
    return fetch_captchas(build_workspace(tmp_path))


def train(run: Run, captchas: RunCaptchas, directory: Path) -> list[Row]:
    directory.mkdir(exist_ok=True)
    train_run(run, captchas, directory, report=lambda _: None)
    return read_history(directory)


def without_seconds(rows: list[Row]) -> list[Row]:
    return [row | {"seconds": 0.0} for row in rows]


class KilledError(Exception):
    """What ends a training in the middle of an epoch."""


def test_each_epoch_has_an_order_of_its_own_that_does_not_depend_on_earlier_ones(
    captchas: RunCaptchas,
) -> None:
    def read(epoch: int) -> list[np.ndarray]:
        batches = EpochBatches(captchas, 20)
        batches.epoch = epoch
        return [labels.numpy() for _, labels in batches.dataset]

    first, second = read(0), read(1)
    assert [len(batch) for batch in first] == [20, 20, 20]
    assert not np.array_equal(first, second)
    assert np.array_equal(np.sum(first, axis=(0, 1)), np.sum(second, axis=(0, 1)))
    assert np.array_equal(second, read(1))


@pytest.mark.slow
def test_a_training_that_was_killed_resumes_and_ends_like_one_that_was_not(
    captchas: RunCaptchas, tmp_path: Path
) -> None:
    run = replace(RUN, epochs=3)
    expected = train(run, captchas, tmp_path / "whole")
    assert [row["epoch"] for row in expected] == [1, 2, 3]

    def kill(trained: int) -> None:
        if trained > 60:  # in the second epoch
            raise KilledError

    directory = tmp_path / "killed"
    directory.mkdir()
    with pytest.raises(KilledError):
        train_run(run, captchas, directory, kill)
    assert [row["epoch"] for row in read_history(directory)] == [1]
    assert without_seconds(train(run, captchas, directory)) == without_seconds(expected)
    # The checkpoints of a finished run are deleted.
    assert [file.name for file in directory.iterdir()] == ["history.csv"]


@pytest.mark.slow
def test_a_loss_that_becomes_nan_ends_the_run_as_a_result(
    captchas: RunCaptchas, tmp_path: Path
) -> None:
    run = Run("compact", "sgd", "categorical_crossentropy", 1e38, 20, epochs=5)
    rows = train(run, captchas, tmp_path / "run")
    assert len(rows) < 5
    assert math.isnan(rows[-1]["loss"])
    assert len(train(run, captchas, tmp_path / "run")) == len(rows)


@pytest.mark.slow
def test_a_run_with_a_time_limit_stops_within_an_epoch(
    captchas: RunCaptchas, tmp_path: Path
) -> None:
    run = replace(RUN, epochs=0, minutes=1e-6)
    rows = train(run, captchas, tmp_path / "run")
    assert len(rows) == 1
    assert 0 < rows[0]["epoch"] < 1
    assert 0 <= rows[0]["val_exact_match"] <= 1
