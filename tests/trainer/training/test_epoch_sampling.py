"""Each epoch has captchas of its own, and hard examples after a fifth of the training."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import pytest

from tests.trainer.training.fakes import FakeLog
from trainer.config import TrainingConfig
from trainer.data.hard_examples import ErrorRates
from trainer.training.epoch_sampling import EpochSampling

CONFUSIONS = np.array([[10, 10, 0], [0, 40, 0], [0, 0, 5]])
ERROR_RATES = [0.25, 0.125, 0.0]


class Batches:
    """Training batches that record what each epoch was started with."""

    def __init__(self) -> None:
        self.epochs: list[tuple[int, list[float] | None]] = []

    def start_epoch(self, epoch: int, error_rates: ErrorRates | None = None) -> None:
        self.epochs.append((epoch, None if error_rates is None else error_rates.tolist()))


class Metric:
    """A metric with the confusions of a validation."""

    confusions: npt.NDArray[np.int64] = CONFUSIONS


def build(fraction: float, log: FakeLog) -> tuple[EpochSampling, Batches]:
    batches = Batches()
    config = TrainingConfig(hard_example_fraction=fraction)
    return EpochSampling(config, batches, Metric(), log), batches  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fraction", "progress", "rates"),
    [
        (0.5, 0.2, ERROR_RATES),
        (0.01, 0.9, ERROR_RATES),
        (0.5, 0.199, None),
        (0.0, 0.9, None),
    ],
)
def test_hard_examples_are_mined_after_a_fifth_of_the_training_if_configured(
    fraction: float, progress: float, rates: list[float] | None
) -> None:
    log = FakeLog(progress=progress)
    sampling, batches = build(fraction, log)
    sampling.on_epoch_end(6)
    sampling.on_epoch_begin(7)
    assert batches.epochs == [(7, rates)]


def test_there_are_no_error_rates_before_the_first_validation() -> None:
    sampling, batches = build(0.5, FakeLog(progress=1.0))
    sampling.on_epoch_begin(0)
    assert batches.epochs == [(0, None)]
    assert sampling.get_state() == {"error_rates": None}


def test_the_error_rates_are_those_of_the_last_validation() -> None:
    sampling, batches = build(0.5, FakeLog(progress=1.0))
    sampling.on_epoch_end(0)
    sampling._metric.confusions = CONFUSIONS * 0  # type: ignore[misc]
    sampling.on_epoch_begin(1)
    sampling.on_epoch_end(1)
    sampling.on_epoch_begin(2)
    assert batches.epochs == [(1, ERROR_RATES), (2, [0, 0, 0])]


@pytest.mark.parametrize("epochs", [0, 1])
def test_the_error_rates_survive_a_checkpoint(epochs: int) -> None:
    before, _ = build(0.5, FakeLog(progress=1.0))
    for epoch in range(epochs):
        before.on_epoch_end(epoch)
    after, batches = build(0.5, FakeLog(progress=1.0))
    after.set_state(json.loads(json.dumps(before.get_state())))
    after.on_epoch_begin(4)
    assert batches.epochs == [(4, ERROR_RATES if epochs else None)]
    assert after.get_state() == before.get_state()
