"""The live status has the progress, the curves and the predictions of a training."""

from __future__ import annotations

import base64
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shared.captchas.labels import decode
from shared.captchas.spec import CaptchaSpec
from shared.versions.training_status import TrainingStatus
from tests.trainer.conftest import change
from tests.trainer.training.fakes import FakeLog
from tests.trainer.training.tiny_training import (
    CONFIG,
    SPLITS,
    TWO_EXECUTIONS,
    Interrupted,
    InterruptingStream,
    build_network,
    build_split,
)
from trainer.data.splits import Split
from trainer.status_writer import StatusWriter
from trainer.training.backup import snapshot
from trainer.training.fit import fit
from trainer.training.status_report import StatusReport
from trainer.training.training_log import Point


class Steps:
    """A clock that makes every update due, so that every report is written."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


class Recorder(StatusWriter):
    """A writer that keeps every status."""

    def __init__(self, directory: Path, config: Any = CONFIG) -> None:
        super().__init__(directory, config, Steps())
        self.seen: list[TrainingStatus] = []

    def update(self, **changes: Any) -> None:
        super().update(**changes)
        self.seen.append(self.current)


class Ones:
    """A model that predicts the last class at every position."""

    def __call__(self, images: np.ndarray[Any, Any], training: bool) -> np.ndarray[Any, Any]:
        assert not training
        return np.tile(np.float32([0.25, 0.75]), (len(images), 2, 1))


def report_of(log: FakeLog, directory: Path, validation: Split = SPLITS.validation) -> Recorder:
    """Return the writer after the report of a log."""
    status = Recorder(directory)
    report = StatusReport(status, log, validation)  # type: ignore[arg-type]
    report.start(Ones())
    return status


# A whole training


def test_a_training_is_reported_from_its_first_step_to_its_last(tmp_path: Path) -> None:
    config = change(CONFIG, batch_size=TWO_EXECUTIONS, epochs=2)
    status = Recorder(tmp_path / "models", config)
    result = fit(build_network(), config, SPLITS, tmp_path, io.StringIO(), status)

    seen = [(s.epoch, s.step, s.steps, len(s.loss), len(s.epochs_done)) for s in status.seen]
    assert seen == [
        (0, 0, 30, 0, 0),
        (1, 25, 30, 1, 0),
        (1, 30, 30, 2, 0),
        (1, 30, 30, 2, 1),
        (2, 25, 30, 3, 1),
        (2, 30, 30, 4, 1),
        (2, 30, 30, 4, 2),
    ]
    assert {s.state for s in status.seen} == {"training"}
    assert [s.progress for s in status.seen] == [0, 0.4167, 0.5, 0.5, 0.9167, 1, 1]
    assert status.seen[0].seconds_left is None
    lefts = [s.seconds_left for s in status.seen[1:]]
    assert lefts[0] is not None
    assert lefts[0] > 0
    assert lefts[-1] == 0

    last = status.seen[-1]
    assert [point.epoch for point in last.loss] == [0.8333, 1, 1.8333, 2]
    for point, expected in zip(last.loss, result.history.points, strict=True):
        assert point.loss == pytest.approx(expected.loss, rel=1e-3)
    for epoch, row in zip(last.epochs_done, result.history.epochs, strict=True):
        assert epoch.epoch == row["epoch"]
        assert epoch.loss == pytest.approx(row["loss"], rel=1e-3)
        assert epoch.validation_loss == pytest.approx(row["val_loss"], rel=1e-3)
        assert epoch.validation_accuracy == row["val_exact_match"]


def test_the_progress_is_that_of_the_training_log_with_four_digits(tmp_path: Path) -> None:
    log = FakeLog(progress=2 / 3)
    assert report_of(log, tmp_path).current.progress == 0.6667


def test_the_samples_are_captchas_with_the_prediction_after_the_epoch(tmp_path: Path) -> None:
    config = change(CONFIG, epochs=1)
    status = Recorder(tmp_path / "models", config)
    result = fit(build_network(), config, SPLITS, tmp_path, io.StringIO(), status)
    validation = SPLITS.validation
    samples = status.seen[-1].samples
    rows = [0, 15, 31, 46, 62, 77, 93, 109]
    assert [sample.label for sample in samples] == decode(validation.labels[rows], validation.spec)
    images = [Image.open(io.BytesIO(base64.b64decode(sample.image))) for sample in samples]
    assert np.array_equal(np.stack([np.asarray(image) for image in images]),
                          validation.images[np.array(rows)])  # fmt: skip
    # The weights are those of the only epoch.
    probabilities = np.asarray(result.model(validation.images[np.array(rows)], training=False))
    expected = decode(probabilities.argmax(axis=2), validation.spec)
    assert [sample.prediction for sample in samples] == expected
    assert {sample.prediction for sample in status.seen[0].samples} != set(expected)


def test_a_resumed_training_has_the_curves_from_before(tmp_path: Path) -> None:
    runs, models = tmp_path / "runs", tmp_path / "models"
    runs.mkdir()
    first = Recorder(models)
    with pytest.raises(Interrupted):
        fit(build_network(), CONFIG, SPLITS, runs, InterruptingStream(3), first)
    second = Recorder(models)
    fit(build_network(), CONFIG, SPLITS, runs, io.StringIO(), second)
    resumed = second.seen[0]
    before = next(status for status in reversed(first.seen) if len(status.epochs_done) == 2)
    assert (resumed.epoch, resumed.step, resumed.steps) == (2, 6, 6)
    assert resumed.loss == before.loss
    assert resumed.epochs_done == before.epochs_done
    assert resumed.samples == before.samples
    assert [epoch.epoch for epoch in second.seen[-1].epochs_done] == [1, 2, 3]
    # The third epoch alone determines the time left.
    assert resumed.seconds_left is None
    assert second.seen[-1].seconds_left == 0

    # A training that has nothing left to do is shown as well.
    third = Recorder(models)
    fit(build_network(), CONFIG, SPLITS, runs, io.StringIO(), third)
    assert [len(status.epochs_done) for status in third.seen] == [3]


def test_a_training_ends_alike_with_and_without_a_status(tmp_path: Path) -> None:
    results = []
    for status in (None, Recorder(tmp_path / "models")):
        directory = tmp_path / f"run-{status is None}"
        directory.mkdir()
        results.append(fit(build_network(), CONFIG, SPLITS, directory, io.StringIO(), status))
    for found, expected in zip(*(snapshot(r.model.variables) for r in results), strict=True):
        assert np.array_equal(found, expected)


# Long trainings and large captchas


def test_a_long_training_has_200_points_that_are_means_of_equally_many(tmp_path: Path) -> None:
    log = FakeLog()
    log.history.points = [Point(i / 100, float(i), 0.1) for i in range(1, 1_001)]
    points = report_of(log, tmp_path).current.loss
    assert len(points) == 200
    assert (points[0].epoch, points[0].loss) == (0.05, 3)  # the mean of 1 to 5
    assert (points[-1].epoch, points[-1].loss) == (10, 998)


def test_losses_that_are_not_finite_are_left_out(tmp_path: Path) -> None:
    log = FakeLog()
    log.history.points = [Point(0.5, math.nan, 0.1), Point(1, math.inf, 0.1), Point(2, 0.5, 0.1)]
    log.history.epochs = [
        {"epoch": 1, "loss": math.nan, "val_loss": math.inf, "val_exact_match": 0.5}
    ]
    status = report_of(log, tmp_path).current
    assert [(point.epoch, point.loss) for point in status.loss] == [(2, 0.5)]
    (epoch,) = status.epochs_done
    assert (epoch.loss, epoch.validation_loss, epoch.validation_accuracy) == (None, None, 0.5)


def test_of_many_epochs_every_third_and_the_last_are_listed(tmp_path: Path) -> None:
    log = FakeLog()
    row = {"loss": 1.0, "val_loss": 1.0, "val_exact_match": 0.5}
    log.history.epochs = [{"epoch": i, **row} for i in range(1, 300)]
    epochs = report_of(log, tmp_path).current.epochs_done
    assert [epoch.epoch for epoch in epochs] == list(range(2, 300, 3))[-100:]
    assert epochs[-1].epoch == 299


@pytest.mark.parametrize("size", [(160, 60), (1_000, 1_000)])
def test_a_status_is_smaller_than_100_kb_whatever_the_captchas_show(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    width, height = size
    spec = CaptchaSpec("01", length=2, width=width, height=height)
    noise = np.random.default_rng(1).integers(256, size=(8, height, width), dtype=np.uint8)
    log = FakeLog()
    log.history.points = [Point(i / 7, 1 / (i + 1), 0.1) for i in range(5_000)]
    row = {"loss": 0.123456, "val_loss": 0.123456, "val_exact_match": 0.123456789012}
    log.history.epochs = [{"epoch": i, **row} for i in range(1, 1_001)]
    status = report_of(log, tmp_path, Split(spec, noise, np.zeros((8, 2), np.int32)))
    assert 0 < len(status.current.samples) < 8
    assert len(status.current.model_dump_json()) < 100_000


def test_few_validation_captchas_are_all_shown(tmp_path: Path) -> None:
    samples = report_of(FakeLog(), tmp_path, build_split(3, 5)).current.samples
    assert len(samples) == 3
    assert {sample.prediction for sample in samples} == {"11"}


def test_between_two_writes_nothing_is_computed(tmp_path: Path) -> None:
    log = FakeLog()
    status = StatusWriter(tmp_path, CONFIG, lambda: 0.0)
    report = StatusReport(status, log, SPLITS.validation)  # type: ignore[arg-type]
    report.start(Ones())
    log.step = 5
    report.on_train_batch_end(4)
    assert status.current.step == 0
    assert json.loads((tmp_path / "training.json").read_text())["step"] == 0
