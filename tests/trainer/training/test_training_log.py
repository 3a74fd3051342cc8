"""The training log records every step, epoch and reason, also across a resume."""

from __future__ import annotations

import csv
import io
import json
import logging
import math
import time
from pathlib import Path

import pytest

from tests.trainer.training.fakes import FakeModel, attach
from trainer.config import TrainingConfig
from trainer.training.training_log import Point, RateChange, TrainingHistory, TrainingLog

VALIDATION = {"val_loss": 0.25, "val_exact_match": 0.5}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def build(steps_per_epoch: int = 30, *, missing: int = 0, **settings: object) -> TrainingLog:
    """Return a training log whose last batch of an epoch lacks some images."""
    config = TrainingConfig(**({"epochs": 4} | settings))  # type: ignore[arg-type]
    images = steps_per_epoch * config.batch_size - missing
    log: TrainingLog = attach(TrainingLog(config, images, Terminal()), FakeModel())
    log.model.optimizer.learning_rate = 0.125
    return log


def run_epoch(log: TrainingLog, epoch: int, *ends: int) -> None:
    """Run executions that end at these steps, with a mean loss of 2 since the epoch began."""
    log.on_epoch_begin(epoch)
    for end in ends:
        log.on_train_batch_end(end - 1, {"loss": 2.0})
    log.on_epoch_end(epoch, {"exact_match": 0.1, "loss": 9.0, **VALIDATION})


# Steps


def test_the_loss_of_a_window_is_that_of_its_steps_only() -> None:
    log = build()
    log.on_epoch_begin(0)
    log.on_train_batch_end(9, {"loss": 3.0})
    assert log.window_loss == 3.0
    log.on_train_batch_end(14, {"loss": 2.5})  # mean of ten steps of 3 and five of 1.5
    assert log.window_loss == pytest.approx(1.5)
    log.on_train_batch_end(29, {"loss": 1.5})
    assert log.window_loss == pytest.approx(0.5)
    assert log.history.points == [
        Point(10 / 30, 3.0, 0.125),
        Point(15 / 30, pytest.approx(1.5), 0.125),
        Point(1.0, pytest.approx(0.5), 0.125),
    ]


def test_the_last_batch_of_an_epoch_counts_by_its_size() -> None:
    log = build(steps_per_epoch=3, batch_size=4, missing=3)  # 4, 4 and 1 images
    log.on_epoch_begin(0)
    log.on_train_batch_end(1, {"loss": 1.0})
    log.on_train_batch_end(2, {"loss": (8 * 1.0 + 1 * 10.0) / 9})
    assert log.window_loss == pytest.approx(10.0)
    log.on_epoch_end(0, VALIDATION)
    assert log.history.epochs[0]["loss"] == pytest.approx(2.0)


def test_a_window_starts_anew_with_the_metrics() -> None:
    log = build()
    log.on_epoch_begin(0)
    log.on_train_batch_end(9, {"loss": 3.0})
    log.restart_window()
    log.on_train_batch_end(19, {"loss": 1.0})  # the mean since step 10
    assert log.window_loss == 1.0
    log.on_train_batch_end(29, {"loss": 2.0})
    assert log.window_loss == 3.0


def test_the_next_epoch_starts_a_window() -> None:
    log = build()
    run_epoch(log, 0, 25, 30)
    log.on_epoch_begin(1)
    log.on_train_batch_end(24, {"loss": 5.0})
    assert log.window_loss == 5.0
    assert log.history.points[-1] == Point(55 / 30, 5.0, 0.125)


def test_steps_are_counted_within_the_epochs() -> None:
    log = build()
    log.on_epoch_begin(2)
    assert (log.step, log.epochs_done, log.is_epoch_complete) == (60, 2, False)
    log.on_train_batch_end(24, {"loss": 1.0})
    assert (log.step, log.epochs_done, log.is_epoch_complete) == (85, 2.8333, False)
    log.on_train_batch_end(49, {"loss": 1.0})  # Keras counts beyond the end of the epoch
    assert (log.step, log.epochs_done, log.is_epoch_complete) == (90, 3, True)
    assert log.history.steps == 30


def test_a_part_of_an_epoch_is_never_rounded_to_a_whole_one() -> None:
    log = build(steps_per_epoch=10_938)
    log.on_epoch_begin(0)
    log.on_train_batch_end(10_936, {"loss": 1.0})
    assert log.epochs_done == 0.9999


def test_the_progress_is_shown_on_the_stream() -> None:
    log = build()
    stream: Terminal = log._stream  # type: ignore[assignment]
    log.on_epoch_begin(1)
    log.on_train_batch_end(9, {"loss": 3.0})
    assert stream.getvalue().startswith(
        "\repoch 2 of 4, steps [##########....................] 10 of 30 ("
    )
    assert "loss 3.0000" in stream.getvalue()


# Epochs


def test_an_epoch_has_a_row_and_a_line(caplog: pytest.LogCaptureFixture) -> None:
    log = build()
    with caplog.at_level(logging.INFO):
        run_epoch(log, 0, 25, 30)
    (row,) = log.history.epochs
    elapsed_s = row.pop("elapsed_s")
    assert row == {
        "epoch": 1,
        "exact_match": 0.1,
        "loss": 2.0,
        "val_loss": 0.25,
        "val_exact_match": 0.5,
        "learning_rate": 0.125,
    }
    assert elapsed_s == round(elapsed_s, 1) == pytest.approx(log.history.elapsed_s, abs=0.06)
    assert caplog.messages == [
        "epoch 1: loss 2.0000, validation loss 0.2500, validation accuracy 50.00 %"
    ]


def test_an_epoch_that_was_cut_off_has_a_fraction() -> None:
    log = build()
    run_epoch(log, 2, 25)
    assert log.history.epochs[0]["epoch"] == 2.8333


def test_the_loss_of_an_epoch_is_the_mean_over_its_steps_with_a_finite_loss() -> None:
    log = build()
    log.on_epoch_begin(0)
    log.on_train_batch_end(19, {"loss": 3.0})
    log.on_train_batch_end(24, {"loss": math.nan})
    log.restart_window()
    log.on_train_batch_end(29, {"loss": 1.0})
    log.on_epoch_end(0, {"loss": math.nan, **VALIDATION})
    assert log.history.epochs[0]["loss"] == pytest.approx((20 * 3 + 5 * 1) / 25)


def test_the_loss_of_an_epoch_is_nan_if_it_never_was_finite() -> None:
    log = build()
    log.on_epoch_begin(0)
    log.on_train_batch_end(29, {"loss": math.inf})
    log.on_epoch_end(0, {"loss": math.inf, **VALIDATION})
    assert math.isnan(log.history.epochs[0]["loss"])


def test_each_epoch_has_a_mean_of_its_own() -> None:
    log = build()
    run_epoch(log, 0, 30)
    log.on_epoch_begin(1)
    log.on_train_batch_end(29, {"loss": 4.0})
    log.on_epoch_end(1, {"loss": 4.0, **VALIDATION})
    assert [row["loss"] for row in log.history.epochs] == [2.0, 4.0]


# Time and progress


def test_the_elapsed_time_continues_that_of_the_history() -> None:
    log = build()
    started = time.monotonic()
    assert 0 <= log.elapsed_s < 5
    log.set_state(json.loads(json.dumps(log.get_state())) | {"elapsed_s": 1_000.0})
    assert 1_000 <= log.elapsed_s < 1_005 + time.monotonic() - started


def test_the_progress_follows_the_steps_without_a_time_limit() -> None:
    log = build()
    log.set_state(log.get_state() | {"elapsed_s": 1e6})
    log.on_epoch_begin(1)
    assert log.progress == 0.25
    log.on_train_batch_end(14, {"loss": 1.0})
    assert log.progress == 0.375


@pytest.mark.parametrize(
    ("elapsed_s", "epoch", "progress"), [(300, 0, 0.5), (300, 3, 0.75), (900, 0, 1.0)]
)
def test_the_progress_follows_whatever_ends_first(
    elapsed_s: float, epoch: int, progress: float
) -> None:
    log = build(max_minutes=10)
    log.set_state(log.get_state() | {"elapsed_s": elapsed_s})
    log.on_epoch_begin(epoch)
    assert log.progress == pytest.approx(progress, abs=0.01)


# The history


def test_a_new_history_is_empty() -> None:
    history = build().history
    assert history == TrainingHistory(30, [], [], [], 0, 0.0, "", is_out_of_time=False)


def test_the_history_survives_a_checkpoint() -> None:
    before = build()
    run_epoch(before, 0, 25, 30)
    run_epoch(before, 1, 25, 30)
    before.history.rate_changes.append(RateChange(7, 0.5, "flat", restores=True))
    before.history.stop_reason, before.history.is_out_of_time = "the time is over", True
    after = build()
    after.set_state(json.loads(json.dumps(before.get_state())))
    assert after.history == before.history
    assert isinstance(after.history.points[0], Point)
    assert (after.epochs_done, after.step, after.is_epoch_complete) == (2, 60, True)
    run_epoch(after, 2, 25, 30)
    assert after.history.steps == 90
    assert [row["epoch"] for row in after.history.epochs] == [1, 2, 3]


def test_the_csv_file_has_a_row_per_epoch(tmp_path: Path) -> None:
    history = TrainingHistory(30, epochs=[{"epoch": 1, "loss": 0.5}, {"epoch": 1.5, "loss": 0.25}])
    history.write_csv(tmp_path / "history.csv")
    assert (tmp_path / "history.csv").read_bytes() == b"epoch,loss\r\n1,0.5\r\n1.5,0.25\r\n"
    with (tmp_path / "history.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 2
