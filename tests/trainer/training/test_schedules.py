"""Constant and cosine learning rates."""

from __future__ import annotations

import pytest

from trainer.config import TrainingConfig
from trainer.training.schedules import build_learning_rate

COSINE = TrainingConfig(schedule="cosine", learning_rate=0.01)


@pytest.mark.parametrize(
    ("step", "rate"),
    [
        (1, 0.001),  # warm-up over the first ten of a hundred steps
        (5, 0.005),
        (10, 0.01),
        (55, 0.01 * (0.01 + 0.99 * 0.5)),
        (100, 0.0001),
        (150, 0.0001),
    ],
)
def test_the_cosine_warms_up_to_the_peak_and_decays_to_a_hundredth(step: int, rate: float) -> None:
    schedule = build_learning_rate(COSINE, steps=100)
    assert callable(schedule)
    assert float(schedule(step)) == pytest.approx(rate, rel=1e-5)


@pytest.mark.parametrize(("steps", "warm_up"), [(1, 1), (2, 1), (14, 1), (16, 2), (1_000, 100)])
def test_the_warm_up_takes_a_tenth_of_the_steps_but_at_least_one(steps: int, warm_up: int) -> None:
    schedule = build_learning_rate(COSINE, steps)
    assert callable(schedule)
    assert float(schedule(warm_up)) == pytest.approx(0.01)
    assert float(schedule(warm_up / 2)) == pytest.approx(0.005)


def test_even_a_training_of_one_step_has_a_cosine() -> None:
    schedule = build_learning_rate(COSINE, steps=1)
    assert callable(schedule)
    assert float(schedule(2)) == pytest.approx(0.0001, rel=1e-4)


@pytest.mark.parametrize("schedule", ["constant", "adaptive"])
def test_other_schedules_start_with_the_configured_rate(schedule: str) -> None:
    config = TrainingConfig(schedule=schedule, learning_rate=0.02)  # type: ignore[arg-type]
    assert build_learning_rate(config, steps=100) == 0.02
