from __future__ import annotations

import numpy as np

from trainer.rollback import Rollback, State


def state(number: int) -> State:
    return [np.array(number)]


def check(rollback: Rollback, first: int, last: int) -> None:
    for number in range(first, last + 1):
        rollback.check(lambda number=number: state(number))


def where(rollback: Rollback) -> int:
    back = rollback.go_back()
    assert back is not None
    return int(back[0])


def test_a_state_is_trusted_only_when_ten_checks_after_it_saw_nothing_wrong() -> None:
    for checks, expected in [(9, 0), (10, 0), (19, 0), (20, 10), (29, 10), (30, 20)]:
        rollback = Rollback(state(0), state(0))
        check(rollback, 1, checks)
        assert where(rollback) == expected, checks


def test_after_a_return_trust_is_earned_anew() -> None:
    rollback = Rollback(state(0), state(0))
    check(rollback, 1, 29)
    assert where(rollback) == 10
    # The one of check 20 is given up with what came of it, and the count of quiet checks too.
    assert where(rollback) == 10
    check(rollback, 30, 39)
    assert where(rollback) == 10
    check(rollback, 40, 59)
    assert where(rollback) == 49


def test_ten_returns_without_a_quiet_stretch_between_are_the_end() -> None:
    rollback = Rollback(state(0), state(0))
    for _ in range(10):
        check(rollback, 1, 19)
        assert where(rollback) == 0
    assert rollback.go_back() is None

    rollback = Rollback(state(0), state(0))
    for _ in range(30):
        check(rollback, 1, 20)
        assert rollback.go_back() is not None


def test_a_break_changes_nothing() -> None:
    whole = Rollback(state(0), state(0))
    check(whole, 1, 15)
    broken = Rollback(whole.trusted, whole.candidate, **whole.counts)
    for rollback in (whole, broken):
        check(rollback, 16, 20)
    assert where(broken) == where(whole) == 10
