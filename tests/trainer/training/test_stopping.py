"""A training stops for the first reason that applies, and keeps the weights of one epoch."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from tests.trainer.training.fakes import FakeLog, FakeModel, attach
from trainer.config import TrainingConfig
from trainer.training.stopping import Stopping

EPOCH_S = 60.0
VALIDATION_SIZE = 10_000


class Training:
    """Epochs of a minute with given validations; the weights of an epoch are its number."""

    def __init__(self, **settings: object) -> None:
        self.log, self.model = FakeLog(), FakeModel([np.array(0.0)])
        config = TrainingConfig(**({"epochs": 5} | settings))  # type: ignore[arg-type]
        stopping = Stopping(
            config,
            self.log,  # type: ignore[arg-type]
            self.model.get_weights(),
            VALIDATION_SIZE,
        )
        self.stopping: Stopping = attach(stopping, self.model)

    def validate(self, *accuracies: float, loss: float = 1.0) -> None:
        for accuracy in accuracies:
            self.log.epochs_done += 1
            self.log.elapsed_s += EPOCH_S
            self.model.weights = [np.array(self.log.epochs_done)]
            self.stopping.on_epoch_end(
                int(self.log.epochs_done) - 1, {"val_exact_match": accuracy, "val_loss": loss}
            )

    @property
    def kept_weights(self) -> float:
        return float(self.stopping.kept_weights[0])


@pytest.mark.parametrize(
    ("settings", "epoch", "reason"),
    [
        ({}, 5, "all 5 epochs are done"),
        ({"target_accuracy": 0.9}, 3, "the validation accuracy of 95.00% reaches the target of"
         " 90.00%"),
        ({"target_accuracy": 0.95}, 3, "the validation accuracy of 95.00% reaches the target of"
         " 95.00%"),
        ({"target_accuracy": 0.951}, 5, "all 5 epochs are done"),
        ({"max_minutes": 2}, 2, "the time limit of 2 minutes is reached"),
        ({"max_minutes": 0.5}, 1, "the time limit of 0.5 minutes is reached"),
        ({"max_minutes": 5}, 5, "all 5 epochs are done"),
        ({"patience": 1}, 4, "no validation accuracy in 1 epochs was better than the 95.00% of"
         " epoch 3"),
        ({"patience": 2}, 5, "all 5 epochs are done"),
        ({"patience": 2, "epochs": 6}, 5, "no validation accuracy in 2 epochs was better than the"
         " 95.00% of epoch 3"),
        ({"patience": 1, "target_accuracy": 0.95, "max_minutes": 3}, 3, "the validation accuracy"
         " of 95.00% reaches the target of 95.00%"),
    ],
)  # fmt: skip
def test_a_training_stops_for_the_first_reason_that_applies(
    settings: dict[str, object], epoch: int, reason: str
) -> None:
    training = Training(**settings)
    accuracies = [0.5, 0.8, 0.95, 0.94, 0.93]
    for accuracy in accuracies[: epoch - 1]:
        training.validate(accuracy)
        assert not training.model.stop_training
        assert training.log.history.stop_reason == ""
    training.validate(accuracies[epoch - 1])
    assert training.model.stop_training
    assert training.log.history.stop_reason == reason
    assert training.log.history.is_out_of_time == reason.startswith("the time limit")


def test_patience_counts_from_the_first_of_equal_epochs() -> None:
    training = Training(epochs=50, patience=3)
    training.validate(0.2, 0.9, 0.9, 0.9)
    assert not training.model.stop_training
    training.validate(0.9)
    assert training.log.history.stop_reason == (
        "no validation accuracy in 3 epochs was better than the 90.00% of epoch 2"
    )


def test_patience_counts_from_the_first_epoch_if_nothing_is_predicted_correctly() -> None:
    training = Training(patience=2)
    training.validate(0.0, 0.0)
    assert not training.model.stop_training
    training.validate(0.0)
    assert training.log.history.stop_reason.endswith("better than the 0.00% of epoch 1")


@pytest.mark.parametrize(("elapsed_s", "is_over"), [(119.5, False), (120.0, True)])
def test_the_time_is_over_after_its_last_second(elapsed_s: float, is_over: bool) -> None:
    training = Training(max_minutes=2)
    training.log.elapsed_s = elapsed_s
    training.stopping.update_stop_reason(1)
    assert training.log.history.is_out_of_time == is_over
    assert bool(training.log.history.stop_reason) == is_over


def test_the_later_of_equal_epochs_is_kept() -> None:
    training = Training()
    training.validate(0.0)
    assert training.kept_weights == training.stopping.kept_epoch == 1
    training.validate(0.5, 0.5)
    assert training.kept_weights == training.stopping.kept_epoch == 3
    training.validate(0.4)
    assert training.kept_weights == training.stopping.kept_epoch == 3
    assert training.stopping.best_accuracy == 0.5


@pytest.mark.parametrize(
    ("accuracy", "kept"),
    [
        (0.8970, 2),  # the standard error of 90 % of 10,000 is 0.3 percentage points
        (0.8969, 1),
    ],
)
def test_a_later_epoch_is_kept_if_it_is_worse_by_chance(accuracy: float, kept: int) -> None:
    training = Training(patience=2)
    training.validate(0.9, accuracy)
    assert training.kept_weights == training.stopping.kept_epoch == kept
    # It does not count as an improvement, and the next epoch is compared with the best accuracy.
    training.validate(0.8965)
    assert training.stopping.kept_epoch == kept
    assert training.log.history.stop_reason.endswith("better than the 90.00% of epoch 1")


def test_the_target_is_compared_with_the_accuracy_that_is_kept() -> None:
    before = Training(epochs=2)
    before.validate(0.9, 0.899)
    after = Training(epochs=9, target_accuracy=0.9)
    after.stopping.set_state(json.loads(json.dumps(before.stopping.get_state())))
    after.stopping.update_stop_reason(2)
    assert after.log.history.stop_reason == ""
    after.validate(0.9)
    assert "90.00% reaches the target" in after.log.history.stop_reason


@pytest.mark.parametrize(("accuracy", "kept"), [(0.9999, 2), (0.9998, 1)])
def test_one_wrong_prediction_is_chance_after_a_validation_without_any(
    accuracy: float, kept: int
) -> None:
    training = Training()
    training.validate(1.0, accuracy)
    assert training.stopping.kept_epoch == kept


def test_the_kept_weights_are_a_copy() -> None:
    training = Training()
    training.validate(0.5)
    training.model.weights[0] += 7
    assert training.kept_weights == 1


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_an_epoch_without_a_finite_loss_is_never_kept(loss: float) -> None:
    training = Training(patience=2)
    training.validate(0.1)
    training.validate(0.5, loss=loss)
    assert training.kept_weights == training.stopping.kept_epoch == 1
    assert training.stopping.best_accuracy == 0.1
    # Nor does it count as an improvement.
    training.validate(0.1)
    assert training.log.history.stop_reason.endswith("better than the 10.00% of epoch 1")


def test_the_initial_weights_are_kept_if_no_loss_is_finite() -> None:
    training = Training()
    training.validate(0.5, loss=math.nan)
    assert training.kept_weights == training.stopping.kept_epoch == 0


def test_a_raised_time_limit_withdraws_the_stop_reason() -> None:
    training = Training(max_minutes=1)
    training.validate(0.5)
    assert training.log.history.is_out_of_time
    more = Stopping(TrainingConfig(max_minutes=1.1), training.log, [], 1)  # type: ignore[arg-type]
    more.update_stop_reason(1)
    assert training.log.history.stop_reason == ""
    assert not training.log.history.is_out_of_time


def test_a_training_that_is_done_is_not_out_of_time() -> None:
    training = Training(epochs=1, max_minutes=1)
    training.validate(0.5)
    assert training.log.history.stop_reason == "all 1 epochs are done"
    assert not training.log.history.is_out_of_time


def test_the_kept_epoch_survives_a_checkpoint() -> None:
    before = Training(epochs=9, patience=3)
    before.validate(0.7, 0.7, 0.6)
    state = json.loads(json.dumps(before.stopping.get_state()))
    assert state == {
        "best_accuracy": 0.7,
        "improved_epoch": 1,
        "kept_accuracy": 0.7,
        "kept_epoch": 2,
    }

    after = Training(epochs=9, patience=3)
    after.stopping.set_state(state)
    after.stopping.set_arrays(before.stopping.get_arrays())
    after.log.epochs_done = 3
    assert after.kept_weights == 2
    after.validate(0.65)
    assert (after.kept_weights, after.stopping.kept_epoch) == (2, 2)
    assert after.log.history.stop_reason.endswith("better than the 70.00% of epoch 1")
