"""Fingerprints: what makes a training another one, and which trainings can resume each other."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from shared.fingerprint import fingerprint
from trainer.config import TrainingConfig
from trainer.training_fingerprints import Fingerprints, compute_fingerprints

DATA = {"spec": "a", "renderer": "b", "image_folder": "c", "bundled": "d"}
# A value other than the default for every field.
CHANGED: dict[str, Any] = {
    "network": "wide",
    "init": "scratch",
    "captchas": 40_001,
    "styles": ("classic",),
    "synthetic_captchas": 1,
    "other_size_captchas": 1,
    "other_sizes": ((200, 80),),
    "non_captcha_fraction": 0.1,
    "folder_epoch_captchas": 40_001,
    "validation_captchas": 5_001,
    "test_captchas": 10_001,
    "seed": 2,
    "epochs": 5,
    "batch_size": 65,
    "loss": "binary_crossentropy",
    "optimizer": "adam",
    "learning_rate": 0.005,
    "schedule": "adaptive",
    "weight_decay": 0.02,
    "max_shift_x_px": 5,
    "max_shift_y_px": 5,
    "augment_fraction": 0.4,
    "hard_example_fraction": 0.1,
    "confusable_fraction": 0.1,
    "confusable_sets": ("17",),
    "tta_views": 2,
    "initial_weights_fraction": 0.5,
    "target_accuracy": 0.5,
    "patience": 2,
    "max_minutes": 5.0,
    "min_accuracy": 0.5,
    "publish_worse": True,
}
# Gates, and what is used only with captchas of other sizes.
NOT_TRAINED = {"min_accuracy", "publish_worse", "other_sizes"}
BASE = compute_fingerprints(TrainingConfig(), DATA)


def with_fields(**fields: Any) -> Fingerprints:
    return compute_fingerprints(TrainingConfig(**fields), DATA)


def test_every_field_has_a_changed_value_here() -> None:
    defaults = TrainingConfig().model_dump()
    assert set(CHANGED) == set(defaults)
    assert all(CHANGED[name] != default for name, default in defaults.items())


@pytest.mark.parametrize("field", sorted(set(CHANGED) - NOT_TRAINED))
def test_a_hyperparameter_that_changes_the_model_changes_the_training(field: str) -> None:
    assert with_fields(**{field: CHANGED[field]}).training != BASE.training


def test_fingerprints_of_different_changes_differ() -> None:
    trainings = {with_fields(**{field: CHANGED[field]}).training for field in CHANGED}
    assert len(trainings) == len(CHANGED) + 1 - len(NOT_TRAINED)


def test_the_quality_gates_change_nothing() -> None:
    assert with_fields(min_accuracy=0.1, publish_worse=True) == BASE


@pytest.mark.parametrize(
    ("amount", "field", "value", "other"),
    [
        ("confusable_fraction", "confusable_sets", ("17",), ("71",)),
        ("other_size_captchas", "other_sizes", ((200, 80),), ((80, 200),)),
    ],
)
def test_kinds_of_captchas_count_only_if_some_are_requested(
    amount: str, field: str, value: object, other: object
) -> None:
    assert with_fields(**{amount: 0, field: value}) == with_fields(**{amount: 0})
    some = with_fields(**{amount: 1, field: value})
    others = with_fields(**{amount: 1, field: other})
    assert some.training != others.training
    assert some.run != others.run


@pytest.mark.parametrize("name", sorted(DATA))
def test_other_data_is_another_training_and_run(name: str) -> None:
    other = compute_fingerprints(TrainingConfig(), DATA | {name: "other"})
    assert other.training != BASE.training
    assert other.run != BASE.run


def test_stop_criteria_change_the_training_but_not_the_run() -> None:
    stopped = with_fields(target_accuracy=0.5, patience=2)
    assert stopped.run == BASE.run
    assert stopped.training != BASE.training


@pytest.mark.parametrize(
    "field",
    sorted(set(CHANGED) - NOT_TRAINED - {"target_accuracy", "patience", "max_minutes"}),
)
def test_any_other_hyperparameter_is_another_run(field: str) -> None:
    assert with_fields(**{field: CHANGED[field]}).run != BASE.run


def test_a_higher_time_limit_is_the_same_run_and_a_first_one_is_another() -> None:
    limited = with_fields(max_minutes=5)
    assert with_fields(max_minutes=0.5).run == limited.run
    assert with_fields(max_minutes=0.5).training != limited.training
    assert limited.run != BASE.run


def test_fingerprints_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        BASE.run = ""  # type: ignore[misc]


def test_the_fingerprints_are_those_of_the_hyperparameters_and_the_data() -> None:
    values = TrainingConfig().model_dump(mode="json")
    for name in NOT_TRAINED:
        del values[name]
    assert BASE.training == fingerprint(values | DATA)
    for name in ("target_accuracy", "patience", "max_minutes"):
        del values[name]
    assert BASE.run == fingerprint(values | DATA | {"has_time_limit": False})
    limited = fingerprint(values | DATA | {"has_time_limit": True})
    assert with_fields(max_minutes=0.001).run == limited
