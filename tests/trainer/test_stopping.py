from __future__ import annotations

import math

import pytest

from trainer.config import TrainingConfig
from trainer.stopping import Stopping


def run(config: TrainingConfig, accuracies: list[float], seconds: float = 60.0) -> tuple[int, str]:
    """The pass after which it stops, each taking so many seconds, and the reason."""
    stopping = Stopping()
    for number, accuracy in enumerate(accuracies, start=1):
        stopping.is_best(number, accuracy, 1.0)
        if reason := stopping.reason(number, config, number * seconds):
            return number, reason
    raise AssertionError("it never stopped")


@pytest.mark.parametrize(
    ("settings", "number", "sentence"),
    [
        ({}, 5, "all 5 passes are done"),
        ({"target_accuracy": 0.9}, 3, "95.00% of the validation reach the target of 90.00%"),
        ({"max_minutes": 2}, 2, "the 2 minutes are over"),
        ({"max_minutes": 0.5}, 1, "the 0.5 minutes are over"),
        ({"patience": 1}, 4, "no validation in 1 passes was better than the 95.00% of pass 3"),
        ({"patience": 1, "target_accuracy": 0.95, "max_minutes": 3}, 3, "reach the target"),
    ],
)
def test_it_stops_at_the_first_reason_and_says_which(
    settings: dict, number: int, sentence: str
) -> None:
    config = TrainingConfig(epochs=5, **settings)
    stopped, reason = run(config, [0.5, 0.8, 0.95, 0.94, 0.93])
    assert stopped == number
    assert sentence in reason


def test_of_equally_good_passes_the_later_is_the_best() -> None:
    stopping = Stopping()
    best = [stopping.is_best(n, a, 1.0) for n, a in enumerate([0.0, 0.5, 0.5, 0.4], start=1)]
    assert best == [True, True, True, False]
    assert stopping.best_pass == 3


def test_it_goes_on_after_a_break_as_if_there_was_none() -> None:
    stopping = Stopping()
    stopping.is_best(1, 0.7, 1.0)
    assert Stopping(**stopping.to_dict()) == stopping


def test_patience_ends_on_a_plateau_of_equal_passes() -> None:
    number, reason = run(TrainingConfig(epochs=50, patience=3), [0.2, 0.9, *[0.9] * 40])
    assert number == 5
    assert "no validation in 3 passes was better than the 90.00% of pass 2" in reason


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_pass_whose_loss_is_no_number_is_never_the_best(loss: float) -> None:
    stopping = Stopping()
    assert stopping.is_best(1, 0.0, 2.3)
    assert not stopping.is_best(2, 0.5, loss)
    assert stopping.best_pass == 1
