"""Every hyperparameter, validated; saved beside the model."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.environment import SettingsError, parse_number
from shared.fingerprint import fingerprint
from shared.spec import MIN_SIDE_PX

NETWORKS = ("compact", "course")
LOSSES = ("categorical_crossentropy", "binary_crossentropy")
OPTIMIZERS = ("adamw", "adam")
SCHEDULES = ("cosine", "constant")
ENVIRONMENT_PREFIX = "TRAIN_"
# Below this many captchas the interval of an accuracy is wider than what anyone wants to know.
MIN_EVALUATED = 100


class ConfigError(ValueError):
    """A hyperparameter that cannot be; the text names it, its value and what it must be."""


def _described(default: Any, text: str, choices: tuple[str, ...] = ()) -> Any:
    return field(default=default, metadata={"help": text, "choices": choices})


@dataclass(frozen=True)
class TrainingConfig:
    """How a recogniser is trained. Raises ConfigError if it cannot be."""

    network: str = _described("compact", "which network", NETWORKS)
    captchas: int = _described(40_000, "captchas to train on")
    validation_captchas: int = _described(2_000, "captchas to watch the training by")
    test_captchas: int = _described(5_000, "captchas the published accuracy is measured on")
    seed: int = _described(1, "decides captchas, initial weights and their order")
    epochs: int = _described(5, "passes over the training captchas")
    batch_size: int = _described(64, "captchas per step")
    loss: str = _described("categorical_crossentropy", "what is minimised", LOSSES)
    optimizer: str = _described("adamw", "how", OPTIMIZERS)
    learning_rate: float = _described(0.003, "the highest learning rate")
    schedule: str = _described("cosine", "warm-up and cosine decay, or constant", SCHEDULES)
    weight_decay: float = _described(0.01, "of adamw")
    shift: int = _described(4, "pixels by which captchas are moved at most while training")
    min_accuracy: float = _described(0.98, "whole-captcha accuracy that publishing asks for")

    def __post_init__(self) -> None:
        for name, value in self.to_dict().items():
            choices = type(self).__dataclass_fields__[name].metadata["choices"]
            if choices and value not in choices:
                raise ConfigError(f"{name} must be one of {', '.join(choices)}, not {value!r}")
        for name in ("captchas", "epochs", "batch_size"):
            self._require(name, getattr(self, name) >= 1, "at least 1")
        for name in ("validation_captchas", "test_captchas"):
            self._require(name, getattr(self, name) >= MIN_EVALUATED, f"at least {MIN_EVALUATED}")
        self._require("batch_size", self.batch_size <= self.captchas, "at most captchas")
        self._require("seed", 0 <= self.seed < 2**31, "from 0 to 2147483647")
        self._require("learning_rate", 0 < self.learning_rate <= 10, "above 0 and at most 10")
        self._require("weight_decay", 0 <= self.weight_decay <= 1, "from 0 to 1")
        self._require("shift", 0 <= self.shift < MIN_SIDE_PX, f"from 0 to {MIN_SIDE_PX - 1}")
        self._require("min_accuracy", 0 <= self.min_accuracy <= 1, "from 0 to 1")

    def _require(self, name: str, holds: bool, must: str) -> None:
        if not holds:
            raise ConfigError(f"{name} must be {must}, not {getattr(self, name)!r}")

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON can carry them."""
        return dataclasses.asdict(self)

    @property
    def split_seeds(self) -> dict[str, int]:
        """A dataset seed for each split; different seeds never share a captcha's random numbers."""
        return {name: 3 * self.seed + i for i, name in enumerate(("train", "validation", "test"))}


# What the course did; on 5,000 captchas it reads few whole ones, so the gate is low.
COURSE_RECIPE: dict[str, Any] = {
    "network": "course",
    "captchas": 5_000,
    "epochs": 10,
    "batch_size": 100,
    "loss": "binary_crossentropy",
    "optimizer": "adam",
    "learning_rate": 0.001,
    "schedule": "constant",
    "shift": 0,
    "min_accuracy": 0.0,
}
RECIPES: dict[str, dict[str, Any]] = {"default": {}, "course": COURSE_RECIPE}


def fingerprint_recipe(
    config: TrainingConfig, spec_fingerprint: str, drawing_fingerprint: str
) -> str:
    """16 hex digits: equal when training again would only repeat what was done.

    The gate decides about publishing, not about the model, and does not count.
    """
    values = config.to_dict() | {"spec": spec_fingerprint, "drawing": drawing_fingerprint}
    del values["min_accuracy"]
    return fingerprint(values)


def read_config(environment: Mapping[str, str], arguments: Sequence[str]) -> TrainingConfig:
    """A recipe, changed by TRAIN_* variables, changed by command-line options.

    Raises ConfigError; prints help and exits on `--help` and on unknown options.
    """
    parser = argparse.ArgumentParser(
        prog="python -m trainer",
        description="Trains a recogniser on captchas from the generator and publishes it.",
        epilog=f"Each option can also be set as {ENVIRONMENT_PREFIX}<NAME> in the environment.",
    )
    parser.add_argument(
        "--recipe", choices=tuple(RECIPES), help="starting point (default: default)"
    )
    kinds: dict[str, type] = {}
    for setting in dataclasses.fields(TrainingConfig):
        kinds[setting.name] = type(setting.default)
        parser.add_argument(
            f"--{setting.name.replace('_', '-')}",
            type=type(setting.default),
            choices=setting.metadata["choices"] or None,
            help=f"{setting.metadata['help']} (default: {setting.default})",
        )
    given = {
        name: value
        for name, value in vars(parser.parse_args(arguments)).items()
        if value is not None
    }
    from_environment = _read_environment(environment, kinds)
    recipe = given.pop("recipe", None) or from_environment.pop("recipe", None) or "default"
    if recipe not in RECIPES:
        raise ConfigError(f"TRAIN_RECIPE must be one of {', '.join(RECIPES)}, not {recipe!r}")
    return TrainingConfig(**{**RECIPES[recipe], **from_environment, **given})


def _read_environment(environment: Mapping[str, str], kinds: Mapping[str, type]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, text in environment.items():
        # Compose hands unset variables over as empty ones.
        if not key.startswith(ENVIRONMENT_PREFIX) or not text:
            continue
        name = key.removeprefix(ENVIRONMENT_PREFIX).lower()
        if name == "recipe":
            values[name] = text
            continue
        if name not in kinds:
            known = ", ".join(f"{ENVIRONMENT_PREFIX}{k.upper()}" for k in kinds)
            raise ConfigError(f"{key} is no setting; there are {known}")
        try:
            values[name] = text if kinds[name] is str else parse_number(key, text, kinds[name])
        except SettingsError as error:
            raise ConfigError(str(error)) from None
    return values
