"""The time limit stops a training and fits a cosine schedule into the time."""

from __future__ import annotations

import pytest

from tests.trainer.training.fakes import FakeLog, FakeModel, attach
from trainer.config import TrainingConfig
from trainer.training.time_limit import TimeLimit


def limit(log: FakeLog, schedule: str = "cosine") -> tuple[TimeLimit, FakeModel]:
    config = TrainingConfig(schedule=schedule, learning_rate=0.01, max_minutes=2)  # type: ignore[arg-type]
    model = FakeModel()
    return attach(TimeLimit(config, log, steps=100), model), model  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("progress", "rate"),
    [(0.0, 0.001), (0.05, 0.005), (0.1, 0.01), (0.55, 0.00505), (1.0, 0.0001)],
)
def test_with_a_time_limit_the_cosine_follows_the_progress(progress: float, rate: float) -> None:
    log = FakeLog(progress=progress)
    callback, model = limit(log)
    callback.on_epoch_begin(0)
    assert model.optimizer.learning_rate == pytest.approx(rate, rel=1e-5)
    model.optimizer.learning_rate = 9.0
    callback.on_train_batch_end(0)
    assert model.optimizer.learning_rate == pytest.approx(rate, rel=1e-5)


@pytest.mark.parametrize("schedule", ["constant", "adaptive"])
def test_a_time_limit_leaves_other_rates_alone(schedule: str) -> None:
    callback, model = limit(FakeLog(progress=0.5), schedule)
    model.optimizer.learning_rate = 9.0
    callback.on_epoch_begin(0)
    callback.on_train_batch_end(0)
    assert model.optimizer.learning_rate == 9.0


@pytest.mark.parametrize(("elapsed_s", "stops"), [(119.9, False), (120.0, True), (121.0, True)])
def test_the_training_stops_when_the_time_is_over(elapsed_s: float, stops: bool) -> None:
    callback, model = limit(FakeLog(elapsed_s=elapsed_s))
    callback.on_train_batch_end(0)
    assert model.stop_training == stops
