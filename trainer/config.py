"""Every hyperparameter, validated; saved beside the model."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from shared.spec import DRAWINGS, MIN_SIDE_PX

NETWORKS = ("compact", "wide", "course")
LOSSES = ("categorical_crossentropy", "binary_crossentropy")
OPTIMIZERS = ("adamw", "adam")
SCHEDULES = ("cosine", "constant", "watchful")
# Below this many captchas the interval of an accuracy is wider than what anyone wants to know.
MIN_EVALUATED = 100
# A target that is met by luck stops too early: with so many the chance of half a point is small.
MIN_TARGET_EVALUATED = 5_000
# Each takes as long as an answer from one; more would look from further aside than is trained.
MAX_LOOKS = 3
# Larger steps learn no better, and what the layers make of them are gigabytes.
MAX_BATCH = 1_024


class ConfigError(ValueError):
    """A hyperparameter that cannot be; the text names it, its value and what it must be."""


def _described(default: Any, text: str, choices: tuple[str, ...] = ()) -> Any:
    return field(default=default, metadata={"help": text, "choices": choices})


@dataclass(frozen=True)
class TrainingConfig:
    """How a recogniser is trained. Raises ConfigError if it cannot be."""

    network: str = _described("compact", "which network", NETWORKS)
    captchas: int = _described(60_000, "captchas of the generator to train on; 0 for none")
    drawings: str = _described(
        "current,classic", "how the generator draws them, an equal share of each"
    )
    folder: str = _described("", "a folder of your own captchas, <label>_<anything>.png, as well")
    validation_captchas: int = _described(5_000, "captchas to watch the training by")
    test_captchas: int = _described(10_000, "captchas the published accuracy is measured on")
    seed: int = _described(1, "decides captchas, initial weights and their order")
    epochs: int = _described(4, "passes over the training captchas")
    batch_size: int = _described(64, "captchas per step")
    loss: str = _described("categorical_crossentropy", "what is minimised", LOSSES)
    optimizer: str = _described("adamw", "how", OPTIMIZERS)
    learning_rate: float = _described(0.004, "the highest learning rate")
    schedule: str = _described(
        "cosine",
        "warm-up and cosine decay, constant, or watchful: moved by what the loss does",
        SCHEDULES,
    )
    weight_decay: float = _described(0.01, "of adamw")
    shift: int = _described(4, "pixels by which captchas are moved across at most while training")
    shift_down: int = _described(4, "the same, up and down")
    variation: float = _described(
        0.3, "share of batches whose captchas are stretched, thinned and paled, each otherwise"
    )
    focus: float = _described(
        0.0,
        "share of the captchas chosen by what is misread, after a fifth of the training",
    )
    look_alike_captchas: int = _described(
        0, "captchas of look-alikes alone to train on as well, an equal share of each set"
    )
    look_alikes: str = _described(
        "0O,Vv,Xx,Zz", "sets of characters hard to tell apart; those not to be read do not count"
    )
    looks: int = _described(
        1, "looks at a captcha, each moved aside, whose mean is the published model's answer"
    )
    target_accuracy: float = _described(
        0.0, "stop when so many validation captchas are read right; 0 for never"
    )
    patience: int = _described(
        0, "stop after so many passes without a better validation; 0 for never"
    )
    max_minutes: float = _described(0.0, "stop after so many minutes of training; 0 for never")
    min_accuracy: float = _described(0.98, "whole-captcha accuracy that publishing asks for")

    def __post_init__(self) -> None:
        for name, value in self.to_dict().items():
            choices = type(self).__dataclass_fields__[name].metadata["choices"]
            if choices and value not in choices:
                raise ConfigError(f"{name} must be one of {', '.join(choices)}, not {value!r}")
        self._require("epochs", self.epochs >= 1, "at least 1")
        self._require("batch_size", 1 <= self.batch_size <= MAX_BATCH, f"from 1 to {MAX_BATCH}")
        self._require("captchas", self.captchas >= (0 if self.folder else 1), "at least 1")
        for name in ("patience", "max_minutes"):
            self._require(name, getattr(self, name) >= 0, "at least 0")
        for name in ("variation", "focus", "target_accuracy", "min_accuracy"):
            self._require(name, 0 <= getattr(self, name) <= 1, "from 0 to 1")
        self._require("look_alike_captchas", self.look_alike_captchas >= 0, "at least 0")
        if not self.captchas:
            self._require("look_alike_captchas", not self.look_alike_captchas, "0, as captchas are")
        sets = self.look_alikes.split(",")
        self._require(
            "look_alikes",
            " " not in self.look_alikes
            and all(len(set(one)) == len(one) > 1 for one in sets)
            and len(set(sets)) == len(sets),
            "sets of two or more different characters, each once, with nothing but commas between",
        )
        self._require("looks", 1 <= self.looks <= MAX_LOOKS, f"from 1 to {MAX_LOOKS}")
        known = set(self.drawing_names) <= set(DRAWINGS)
        unique = len(set(self.drawing_names)) == len(self.drawing_names)
        self._require("drawings", known and unique, f"some of {','.join(DRAWINGS)}, each once")
        # A folder alone has no captchas of the generator to validate with: the job looks there.
        if (
            self.captchas
            and self.target_accuracy > 0
            and self.validation_captchas < MIN_TARGET_EVALUATED
        ):
            raise ConfigError(
                f"target_accuracy needs at least {MIN_TARGET_EVALUATED} validation_captchas,"
                f" not {self.validation_captchas}"
            )
        for name in ("validation_captchas", "test_captchas"):
            self._require(name, getattr(self, name) >= MIN_EVALUATED, f"at least {MIN_EVALUATED}")
        if self.captchas:
            self._require("batch_size", self.batch_size <= self.captchas, "at most captchas")
        self._require("seed", 0 <= self.seed < 2**31, "from 0 to 2147483647")
        self._require("learning_rate", 0 < self.learning_rate <= 10, "above 0 and at most 10")
        self._require("weight_decay", 0 <= self.weight_decay <= 1, "from 0 to 1")
        for name in ("shift", "shift_down"):
            value = getattr(self, name)
            self._require(name, 0 <= value < MIN_SIDE_PX, f"from 0 to {MIN_SIDE_PX - 1}")

    def _require(self, name: str, holds: bool, must: str) -> None:
        if not holds:
            raise ConfigError(f"{name} must be {must}, not {getattr(self, name)!r}")

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON can carry them."""
        return dataclasses.asdict(self)

    @property
    def drawing_names(self) -> tuple[str, ...]:
        """How the generator is to draw."""
        return tuple(self.drawings.split(","))

    def list_look_alikes(self, charset: str) -> tuple[str, ...]:
        """The sets all of which can stand in captchas of a charset."""
        return tuple(one for one in self.look_alikes.split(",") if set(one) <= set(charset))

    @property
    def split_seeds(self) -> dict[str, int]:
        """A dataset seed for each split; different seeds never share a captcha's random numbers."""
        return {name: 3 * self.seed + i for i, name in enumerate(("train", "validation", "test"))}
