from __future__ import annotations

import json
import math

import numpy as np
import pytest

from trainer.rates import Move, Planned, RatePolicy, Watchful, build_policy
from trainer.rollback import Rollback


def feed(policy: RatePolicy, losses: list[float], start: int = 0) -> list[Move]:
    moves = [policy.observe(start + i, loss) for i, loss in enumerate(losses)]
    return [move for move in moves if move is not None]


def fall(start: float, end: float, count: int) -> list[float]:
    return np.geomspace(start, end, count).tolist()


def test_the_plan_warms_up_and_decays_to_a_hundredth() -> None:
    plan = Planned(0.004, cosine=True)
    assert plan.rate(0.05) == pytest.approx(0.002)
    assert plan.rate(0.1) == pytest.approx(0.004)
    assert plan.rate(0.55) == pytest.approx(0.004 * 0.505)
    assert plan.rate(1.0) == plan.rate(1.5) == pytest.approx(0.00004)
    assert plan.rate(0.0) > 0
    assert feed(plan, [math.nan, 1.0]) == []


def test_a_constant_rate_is_constant() -> None:
    assert {Planned(0.1, cosine=False).rate(p) for p in (0.0, 0.5, 1.0)} == {0.1}


def test_a_loss_that_is_flat_at_the_start_raises_the_rate() -> None:
    policy = Watchful(0.001)
    moves = feed(policy, [2.3] * 13)
    assert [move.rate for move in moves] == pytest.approx([0.003, 0.009])
    assert "flat at the start" in moves[0].reason
    assert not moves[0].restores


def test_it_is_not_raised_without_end() -> None:
    policy = Watchful(0.001)
    feed(policy, [2.3] * 1_000)
    assert policy.rate(0) == 0.016


def test_a_loss_that_falls_from_the_start_is_left_alone() -> None:
    assert feed(Watchful(0.001), fall(2.3, 0.05, 100)) == []


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_goes_back_and_lowers_the_rate(bad: float) -> None:
    (move,) = feed(Watchful(0.001), [*fall(2.3, 1.0, 10), bad])
    assert move.restores
    assert move.rate == pytest.approx(0.0003)
    assert f"the loss became {bad}" in move.reason


def test_an_explosion_goes_back_and_lowers_the_rate() -> None:
    (move,) = feed(Watchful(0.001), [*fall(2.3, 0.5, 20), 9.0, 0.5, 0.5])
    assert move.restores
    assert move.rate == pytest.approx(0.0003)
    assert "exploded" in move.reason


def test_what_comes_back_is_not_held_to_the_loss_of_what_exploded() -> None:
    # The only trusted state is the untrained network: its loss is that of the start again.
    policy, rollback = Watchful(0.004), Rollback([np.array(0)], [np.array(0)])
    losses = fall(2.3, 0.5, 14)
    moves, position = [], 0
    for step in range(100):
        loss = 9.1 if step == 14 else losses[min(position, 13)]
        move = policy.observe(step, loss)
        position += 1
        if move is None:
            rollback.check(lambda: [np.array(position)])  # noqa: B023 - called at once
            continue
        moves.append(move)
        if move.restores:
            state = rollback.go_back()
            assert state is not None
            position = int(state[0])
    assert [move.restores for move in moves] == [True, False]
    assert "plateau" in moves[1].reason


def test_a_rate_that_led_astray_is_not_raised_to_again() -> None:
    policy = Watchful(0.001)
    raised, back = feed(policy, [*[2.3] * 7, math.nan])
    assert (raised.rate, back.rate) == pytest.approx((0.003, 0.0009))
    assert feed(policy, [2.3] * 100) == []  # 0.0027 would be nearly what failed


def test_falling_back_to_chance_is_an_explosion_too() -> None:
    (move,) = feed(Watchful(0.001), [*fall(2.35, 0.05, 40), *[2.3] * 3])[:1]
    assert move.restores


def test_one_high_loss_at_the_very_start_is_not_taken_for_learning() -> None:
    moves = feed(Watchful(0.001), [2.4, 2.303, 2.303, *[2.303] * 10])
    assert "flat at the start" in moves[0].reason


def test_a_plateau_after_a_fast_drop_lowers_the_rate() -> None:
    moves = feed(Watchful(0.001), [*fall(2.3, 0.2, 30), *[0.2] * 60])
    assert [move.rate for move in moves] == [0.0005]
    assert "plateau after a fast drop" in moves[0].reason


def test_a_plateau_without_a_drop_is_not_one() -> None:
    moves = feed(Watchful(0.001), [*fall(2.3, 1.8, 6), *[1.8] * 60])
    assert moves == []


def test_late_oscillation_lowers_the_rate_before_a_plateau_would() -> None:
    moves = feed(Watchful(0.001), [*fall(2.3, 0.2, 30), *[0.05, 0.45] * 14])
    assert [move.rate for move in moves] == [0.0005]
    assert "late oscillation" in moves[0].reason


def test_it_is_not_lowered_to_nothing() -> None:
    policy = Watchful(0.001)
    feed(policy, [*fall(2.3, 0.2, 30), *[0.2] * 5_000])
    assert 1e-7 < policy.rate(0) <= 1e-6


def test_a_break_changes_nothing() -> None:
    losses = [*fall(2.3, 0.2, 30), *[0.2] * 100, math.nan, *[0.2] * 100]
    whole = Watchful(0.001)
    expected = feed(whole, losses)
    before = Watchful(0.001)
    moves = feed(before, losses[:70])
    state = json.loads(json.dumps(before.to_dict()))
    after = build_policy("watchful", 0.001, state)
    assert moves + feed(after, losses[70:], start=70) == expected
    assert len(expected) > 3
    assert after == whole


def test_policies_by_name() -> None:
    assert build_policy("cosine", 0.1, {}) == Planned(0.1, cosine=True)
    assert build_policy("constant", 0.1, {}) == Planned(0.1, cosine=False)
    assert build_policy("watchful", 0.1, {}) == Watchful(0.1)
