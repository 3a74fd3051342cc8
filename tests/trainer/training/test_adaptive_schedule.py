"""The adaptive schedule changes the learning rate when a rule applies, and restores states."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import asdict

import keras
import numpy as np
import pytest

from tests.trainer.training.fakes import FakeLog, FakeModel, attach
from trainer.errors import TrainingError
from trainer.training.adaptive_schedule import AdaptiveRules, AdaptiveSchedule
from trainer.training.training_log import RateChange


def observe(rules: AdaptiveRules, losses: list[float], first_step: int = 0) -> list[RateChange]:
    """Return the changes; a step is the position of its loss in the list."""
    changes = [rules.evaluate(first_step + i, loss) for i, loss in enumerate(losses)]
    return [change for change in changes if change is not None]


def fall(start: float, end: float, count: int) -> list[float]:
    losses: list[float] = np.geomspace(start, end, count).tolist()
    return losses


def learned(**changes: object) -> AdaptiveRules:
    """Return rules that have seen the loss fall from 1 to 0.2."""
    values = {"learning_rate": 0.1, "first_losses": [1.0, 1.0, 1.0], "lowest": 0.2}
    return AdaptiveRules(**(values | changes))  # type: ignore[arg-type]


# Flat at the start


def test_a_flat_loss_at_the_start_triples_the_rate_every_six_observations() -> None:
    first, second = observe(AdaptiveRules(0.001), [2.3] * 13)
    assert (first.step, first.learning_rate, first.restores) == (5, 0.003, False)
    assert first.reason == "flat at the start: loss 2.3 after 2.3"
    assert (second.step, second.learning_rate) == (11, pytest.approx(0.009))


def test_the_rate_is_raised_to_at_most_sixteen_times_the_initial_one() -> None:
    changes = observe(AdaptiveRules(0.001), [2.3] * 1_000)
    rates = [change.learning_rate for change in changes]
    assert rates == pytest.approx([0.003, 0.009, 0.016])


@pytest.mark.parametrize(("later", "count"), [(0.96, 1), (0.94, 0)])
def test_a_loss_is_flat_if_it_fell_by_less_than_a_twentieth(later: float, count: int) -> None:
    assert len(observe(AdaptiveRules(0.001), [1.0] * 3 + [later] * 3)) == count


def test_a_loss_that_falls_from_the_start_changes_nothing() -> None:
    assert observe(AdaptiveRules(0.001), fall(2.3, 0.05, 100)) == []


def test_one_high_loss_at_the_very_start_does_not_count_as_learning() -> None:
    (change,) = observe(AdaptiveRules(0.001), [2.4, *[2.303] * 5])
    assert change.reason == "flat at the start: loss 2.3 after 2.34"


def test_the_first_loss_is_the_mean_of_three_losses() -> None:
    rules = AdaptiveRules(0.001)
    assert rules.first_loss == math.inf
    rules.evaluate(0, 4.0)
    assert rules.first_loss == 4.0
    observe(rules, [3.0, 2.0, 1.0])
    assert rules.first_loss == 3.0


@pytest.mark.parametrize(("exploded_rate", "count"), [(0.006, 1), (0.0059, 0)])
def test_the_rate_is_not_raised_above_half_of_one_that_exploded(
    exploded_rate: float, count: int
) -> None:
    rules = AdaptiveRules(0.001, lowest_exploded_rate=exploded_rate)
    assert len(observe(rules, [2.3] * 6)) == count


def test_the_lowest_rate_that_exploded_counts() -> None:
    rules = AdaptiveRules(0.001)
    raised, lowered = observe(rules, [*[2.3] * 7, math.nan])
    assert (raised.learning_rate, lowered.learning_rate) == pytest.approx((0.003, 0.0009))
    assert rules.lowest_exploded_rate == 0.003
    assert observe(rules, [2.3] * 100) == []  # 0.0027 is nearly the rate that exploded
    rules.learning_rate = 0.01
    rules.evaluate(0, math.nan)
    assert rules.lowest_exploded_rate == 0.003
    rules.learning_rate = 0.002
    rules.evaluate(0, math.nan)
    assert rules.lowest_exploded_rate == 0.002


# Explosion


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_restores_and_lowers_the_rate(loss: float) -> None:
    (change,) = observe(AdaptiveRules(0.001), [*fall(2.3, 1.0, 10), loss])
    assert change == RateChange(10, pytest.approx(0.0003), f"the loss became {loss}", True)


def test_an_exploded_loss_restores_and_lowers_the_rate() -> None:
    (change,) = observe(AdaptiveRules(0.001), [*fall(2.3, 0.5, 20), 9.0, 0.5, 0.5])
    assert change == RateChange(
        20, pytest.approx(0.0003), "the loss exploded from 0.543 to 3.35", True
    )


@pytest.mark.parametrize(
    ("lowest", "loss", "explodes"),
    [(0.2, 0.79, False), (0.2, 0.81, True), (0.3, 0.89, False), (0.3, 0.91, True)],
)
def test_a_loss_explodes_above_three_times_the_lowest_and_most_of_the_first_one(
    lowest: float, loss: float, explodes: bool
) -> None:
    assert bool(observe(learned(lowest=lowest), [loss])) == explodes


def test_losses_are_smoothed_over_three_observations() -> None:
    rules = learned()
    observe(rules, [0.3, 0.6, 0.9])
    assert rules.lowest == 0.2
    assert observe(rules, [0.89]) == []  # mean 0.797
    (change,) = observe(rules, [0.7])  # mean 0.83
    assert change.reason == "the loss exploded from 0.2 to 0.83"


def test_a_restored_state_is_not_compared_with_the_loss_before_the_explosion() -> None:
    rules = learned()
    (change,) = observe(rules, [2.0])
    assert change.restores
    assert rules.lowest == math.inf
    # The restored network may be the untrained one, with the loss of the start.
    assert observe(rules, [1.0, 1.0, 1.0]) == []


def test_no_change_lowers_the_rate_below_its_limit() -> None:
    rules = AdaptiveRules(1.0)
    changes = observe(rules, [math.nan] * 20)
    assert changes[5].learning_rate == pytest.approx(0.3**6)
    assert [change.learning_rate for change in changes[7:]] == [pytest.approx(0.0003)] * 13


# Plateau and oscillation


def test_forty_observations_without_progress_halve_the_rate() -> None:
    rules = learned()
    assert observe(rules, [0.2] * 39) == []
    (change,) = observe(rules, [0.2])
    assert change.learning_rate == 0.05
    assert change.reason == "plateau after a fast drop: loss not below 0.2"
    assert not change.restores
    # The count starts anew.
    assert observe(rules, [0.2] * 39) == []
    assert len(observe(rules, [0.2])) == 1


@pytest.mark.parametrize(("loss", "count"), [(0.197, 1), (0.195, 0)])
def test_progress_is_a_fall_by_a_fiftieth(loss: float, count: int) -> None:
    assert len(observe(learned(), [loss] * 40)) == count


@pytest.mark.parametrize(("lowest", "count"), [(0.51, 0), (0.5, 1), (0.49, 1)])
def test_a_plateau_counts_only_after_the_loss_has_halved(lowest: float, count: int) -> None:
    assert len(observe(learned(lowest=lowest), [lowest] * 40)) == count


@pytest.mark.parametrize(("rate", "count"), [(0.0001, 0), (0.00011, 1)])
def test_a_thousandth_of_the_initial_rate_is_not_lowered(rate: float, count: int) -> None:
    rules = learned(learning_rate=rate, initial_rate=0.1)
    assert len(observe(rules, [0.2] * 40)) == count


def test_a_long_plateau_lowers_the_rate_to_about_a_thousandth() -> None:
    rules = AdaptiveRules(1.0)
    observe(rules, [*fall(2.3, 0.2, 30), *[0.2] * 5_000])
    assert rules.learning_rate == 0.5**10


def test_an_oscillating_loss_halves_the_rate_after_24_observations() -> None:
    rules = learned(lowest=0.05)
    assert observe(rules, [0.1, 0.6] * 11 + [0.1]) == []
    (change,) = observe(rules, [0.6])
    assert change.learning_rate == 0.05
    assert change.reason == "late oscillation: loss 0.1 to 0.6"


@pytest.mark.parametrize(("high", "count"), [(0.29, 0), (0.31, 1)])
def test_an_oscillation_has_a_deviation_of_half_its_mean(high: float, count: int) -> None:
    assert len(observe(learned(lowest=0.05), [0.1, high] * 12)) == count


@pytest.mark.parametrize(("straight", "count"), [(5, 1), (6, 0)])
def test_an_oscillation_changes_direction_at_three_of_four_observations(
    straight: int, count: int
) -> None:
    # Each third equal loss in a row is an observation without a change of direction.
    losses = [0.1] * (straight + 2) + [0.6, 0.1] * 11
    assert len(observe(learned(lowest=0.05), losses[:24])) == count


def test_losses_before_a_new_lowest_do_not_count_as_oscillation() -> None:
    rules = learned(lowest=0.6)
    assert observe(rules, [0.1, 0.6] * 12) == []  # the first loss is the lowest
    assert rules.observations_since_lowest == 23
    assert len(observe(rules, [0.1])) == 1


def test_as_many_losses_are_kept_as_the_rules_look_at() -> None:
    rules = AdaptiveRules(0.001)
    losses = fall(2.3, 0.05, 60)
    observe(rules, losses)
    assert rules.losses == losses[-40:]


def test_rules_that_were_stored_as_json_continue_alike() -> None:
    losses = [*fall(2.3, 0.2, 30), *[0.2] * 100, math.nan, *[0.2] * 100]
    whole, resumed = AdaptiveRules(0.001), AdaptiveRules(0.001)
    expected = observe(whole, losses)
    changes = observe(resumed, losses[:70])
    resumed = AdaptiveRules(**json.loads(json.dumps(asdict(resumed))))
    assert changes + observe(resumed, losses[70:], first_step=70) == expected
    assert len(expected) > 3
    assert resumed == whole


# The callback


class Training:
    """An adaptive schedule on two variables, fed with losses."""

    def __init__(self, learning_rate: float = 0.1) -> None:
        self.variables = [keras.Variable(np.array([1.0, 2.0])), keras.Variable(np.array(5))]
        self.log, self.model = FakeLog(), FakeModel()
        self.schedule: AdaptiveSchedule = attach(
            AdaptiveSchedule(learning_rate, self.variables, self.log),  # type: ignore[arg-type]
            self.model,
        )

    def evaluate(self, *losses: float) -> None:
        for loss in losses:
            self.log.window_loss = loss
            self.log.step += 25
            self.schedule.on_train_batch_end(self.log.step - 1)

    @property
    def values(self) -> list[object]:
        return [variable.numpy().tolist() for variable in self.variables]

    def assign(self, number: float) -> None:
        for variable in self.variables:
            variable.assign(np.full(variable.shape, number))


def test_the_rate_is_set_before_the_first_step() -> None:
    training = Training(0.25)
    training.schedule.on_train_begin()
    assert training.model.optimizer.learning_rate == 0.25


def test_without_a_change_the_rate_is_left_alone() -> None:
    training = Training()
    training.model.optimizer.learning_rate = 0.7
    training.evaluate(2.3)
    assert training.model.optimizer.learning_rate == 0.7
    assert training.log.history.rate_changes == []


def test_a_change_is_applied_recorded_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    training = Training()
    training.assign(8)
    with caplog.at_level(logging.INFO):
        training.evaluate(*[2.3] * 6)
    (change,) = training.log.history.rate_changes
    assert (change.step, change.learning_rate) == (150, pytest.approx(0.3))
    assert training.model.optimizer.learning_rate == change.learning_rate
    assert caplog.messages == ["step 150: learning rate 0.3: flat at the start: loss 2.3 after 2.3"]
    # Nothing was restored.
    assert training.values == [[8, 8], 8]
    assert training.model.metric_resets == training.log.window_restarts == 0


def test_an_explosion_restores_the_trusted_state_and_the_metrics() -> None:
    training = Training()
    training.assign(8)
    training.evaluate(2.3, math.nan)
    assert training.values == [[1, 2], 5]
    assert training.model.optimizer.learning_rate == pytest.approx(0.03)
    assert training.model.metric_resets == training.log.window_restarts == 1


def test_the_restored_state_is_followed_by_ten_normal_checks() -> None:
    training = Training()
    for number, loss in enumerate(fall(2.3, 0.5, 20), start=1):
        training.assign(number)
        training.evaluate(loss)
    training.evaluate(math.nan)
    assert training.values == [[10, 10], 10]


def test_a_change_of_the_rate_is_not_a_normal_check() -> None:
    training = Training()
    training.evaluate(*[2.3] * 6)
    assert training.schedule.get_state()["rollback"] == (5, 0)


def test_the_eleventh_restore_in_a_row_ends_the_training() -> None:
    training = Training()
    training.evaluate(*[math.nan] * 10)
    with pytest.raises(
        TrainingError, match=r"^the loss became nan, and lower learning rates did not help$"
    ):
        training.evaluate(math.nan)


def test_rules_and_states_survive_a_checkpoint() -> None:
    before = Training()
    before.evaluate(math.nan)
    for number, loss in enumerate(fall(2.3, 0.5, 15), start=1):
        before.assign(number)
        before.evaluate(loss)
    state = json.loads(json.dumps(before.schedule.get_state()))
    arrays = before.schedule.get_arrays()
    assert [array.tolist() for array in arrays["trusted"]] == [[1, 2], 5]
    assert [array.tolist() for array in arrays["candidate"]] == [[10, 10], 10]
    assert state["rollback"] == [15, 1]

    after = Training()
    after.schedule.set_state(state)
    after.schedule.set_arrays(arrays)
    after.schedule.on_train_begin()
    assert after.model.optimizer.learning_rate == pytest.approx(0.03)
    for training in (before, after):
        training.evaluate(*[0.5] * 5, math.nan)
        assert training.values == [[10, 10], 10]
    assert after.schedule.get_state() == before.schedule.get_state()
