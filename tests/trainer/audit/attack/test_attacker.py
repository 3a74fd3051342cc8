"""The learning rate of an attacker."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.trainer.training.fakes import FakeModel, attach
from trainer.audit.attack.attacker import _CosineRate


def test_the_rate_follows_a_cosine_with_warm_up() -> None:
    model, reported = FakeModel(), list[int]()
    callback: _CosineRate = attach(_CosineRate(0.01, 100, reported.append), model)
    rates = []
    for batch in range(100):
        callback.on_train_batch_begin(batch)
        rates.append(model.optimizer.learning_rate)
        callback.on_train_batch_end(batch)
    assert rates[0] == pytest.approx(0.001)
    assert rates[9] == max(rates) == pytest.approx(0.01)
    assert all(before > after for before, after in pairwise(rates[9:]))
    assert rates[99] == pytest.approx(0.0001, rel=1e-4)
    assert reported == list(range(1, 101))


def test_the_steps_after_the_last_keep_its_rate_and_are_not_reported() -> None:
    # The last execution of ten steps may be longer than the rest of the training.
    model, reported = FakeModel(), list[int]()
    callback: _CosineRate = attach(_CosineRate(0.01, 15, reported.append), model)
    callback.on_train_batch_begin(19)
    callback.on_train_batch_end(19)
    assert model.optimizer.learning_rate == pytest.approx(0.0001, rel=1e-4)
    assert reported == [15]
