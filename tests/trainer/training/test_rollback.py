"""The state that is restored after an explosion is one after which enough checks were normal."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.training.checkpoints import Arrays
from trainer.training.rollback import Rollback


def state(number: int) -> Arrays:
    return [np.array(number)]


def start() -> Rollback:
    return Rollback(trusted=state(0), candidate=state(0))


def record(rollback: Rollback, first: int, last: int) -> None:
    """Record normal checks; the state at each check is its number."""
    for number in range(first, last + 1):
        rollback.record_normal(lambda number=number: state(number))


def restore(rollback: Rollback) -> int:
    arrays = rollback.restore()
    assert arrays is not None
    return int(arrays[0])


@pytest.mark.parametrize(
    ("checks", "expected"), [(0, 0), (9, 0), (10, 0), (19, 0), (20, 10), (29, 10), (30, 20)]
)
def test_a_state_is_trusted_after_ten_more_normal_checks(checks: int, expected: int) -> None:
    rollback = start()
    record(rollback, 1, checks)
    assert restore(rollback) == expected


def test_a_snapshot_is_taken_every_ten_checks() -> None:
    taken: list[int] = []
    rollback = start()
    for number in range(1, 31):
        rollback.record_normal(lambda number=number: taken.append(number) or state(number))
    assert taken == [10, 20, 30]


def test_a_restore_discards_the_candidate_and_the_normal_checks() -> None:
    rollback = start()
    record(rollback, 1, 29)
    assert restore(rollback) == 10
    assert rollback.normal_checks == 0
    assert restore(rollback) == 10
    record(rollback, 30, 39)  # the first ten checks: trusted is the old candidate, state 10
    assert restore(rollback) == 10
    record(rollback, 40, 59)
    assert restore(rollback) == 49


def test_the_eleventh_restore_without_enough_normal_checks_fails() -> None:
    rollback = start()
    for _ in range(10):
        record(rollback, 1, 19)
        assert restore(rollback) == 0
    assert rollback.restores == 10
    assert rollback.restore() is None


def test_twenty_normal_checks_reset_the_count_of_restores() -> None:
    rollback = start()
    for _ in range(30):
        record(rollback, 1, 20)
        assert rollback.restores == 0
        assert rollback.restore() is not None
