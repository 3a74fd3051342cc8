from __future__ import annotations

import math

import pytest

from tests.trainer.course.runs.fakes import build_rows
from trainer.course.comparisons.regimes import ADVICE, Regime, classify, classify_rates

GUESSING = math.log(10)


@pytest.mark.parametrize(
    ("losses", "regime"),
    [
        ([2.4, 2.3, 2.3, 2.3], "flat"),
        ([2.0, 1.0, 0.6, 0.3], "good"),
        ([2.0, 0.1, 0.01, 0.02], "good"),  # changes of a loss near 0 mean nothing
        ([2.0, 0.5, 0.45, 0.44], "plateau"),
        ([2.0, 0.5, 0.3, 0.6], "oscillation"),
        ([2.0, 3.0, 1.0, 0.5], "explosion"),
        ([math.nan], "explosion"),
        ([2.0, math.inf], "explosion"),
    ],
)
def test_the_regime_follows_from_the_training_loss(losses: list[float], regime: Regime) -> None:
    assert classify(build_rows(losses), GUESSING) == regime


def test_a_flat_run_at_a_higher_rate_than_one_that_learns_has_exploded() -> None:
    flat, learning = build_rows([2.3, 2.3, 2.3, 2.3]), build_rows([2.0, 1.0, 0.6, 0.3])
    regimes = classify_rates({1e-5: flat, 1e-3: learning, 1e-1: flat}, GUESSING)
    assert regimes == {1e-5: "flat", 1e-3: "good", 1e-1: "explosion"}


def test_without_a_run_that_learns_a_flat_run_is_flat() -> None:
    flat, exploded = build_rows([2.3, 2.3, 2.3, 2.3]), build_rows([math.nan])
    assert classify_rates({1e-3: flat, 1.0: exploded}, GUESSING) == {1e-3: "flat", 1.0: "explosion"}


def test_the_advice_says_in_which_direction_to_change_the_rate() -> None:
    assert "raise" in ADVICE["flat"]
    assert all("lower" in ADVICE[name] for name in ("plateau", "oscillation", "explosion"))
