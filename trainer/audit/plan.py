"""The plan of an audit: which attackers are trained, on how many captchas, for how many steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from shared.captchas.spec import CaptchaSpec
from trainer.audit.results import Init
from trainer.config import NetworkName
from trainer.data.pseudo_labels import FRACTIONS, NETWORK_COUNT
from trainer.data.pseudo_labels import STEPS as SELF_TRAINING_STEPS

Mode = Literal["quick", "default", "thorough"]
Number = TypeVar("Number", int, float)

NETWORKS: dict[Init, NetworkName] = {"bundled": "medium", "scratch": "compact"}
"""From random weights the small network is more accurate in the same time."""

TEST_CAPTCHAS: dict[Mode, int] = {"quick": 1_000, "default": 2_000, "thorough": 5_000}
PROTECTION_LABELS: dict[Mode, int] = {"quick": 250, "default": 1_000, "thorough": 1_000}
LABELS: dict[Mode, dict[Init, tuple[int, ...]]] = {
    "quick": {"bundled": (0, 100, 250, 1_000), "scratch": (250, 1_000)},
    "default": {
        "bundled": (0, 100, 250, 500, 1_000, 2_000, 5_000),
        "scratch": (100, 250, 500, 1_000, 2_000, 5_000),
    },
    "thorough": {
        "bundled": (0, 100, 250, 500, 1_000, 2_000, 5_000, 10_000, 20_000),
        "scratch": (100, 250, 500, 1_000, 2_000, 5_000, 10_000, 20_000),
    },
}

UNLABELLED: dict[Mode, int] = {"quick": 0, "default": 1_000, "thorough": 1_000}
"""Images without labels that an attacker trains itself on; with 0 there is no such attacker."""

# Training steps for at least so many labels; measured in docs/experiments.md. More steps on few
# labels only memorise them.
_STEPS: dict[Init, dict[int, int]] = {
    "bundled": {1: 50, 250: 80, 500: 120, 1_000: 300, 2_000: 400, 5_000: 700, 10_000: 1_000},
    "scratch": {1: 400, 1_000: 600, 2_000: 800, 5_000: 1_600, 10_000: 2_400},
}
_THOROUGH_FACTOR = 2
# From the bundled model, a higher rate learns unfamiliar designs, but with few labels it only
# forgets the familiar ones.
_LEARNING_RATES: dict[Init, dict[int, float]] = {
    "bundled": {1: 0.001, 1_000: 0.003},
    "scratch": {1: 0.004},
}

# CPU seconds, measured on one core of a 2.5 GHz server. They weight the progress only.
_STEP_S: dict[Init, float] = {"bundled": 0.06, "scratch": 0.03}
_SELF_TRAINING_STEP_S = 0.13
_CAPTCHA_S = 0.0015  # render and predict
_MEASUREMENT_S = 0.5


@dataclass(frozen=True)
class Protection:
    """The captchas with one protection switched off or doubled."""

    name: str
    change: Literal["off", "doubled"]
    spec: CaptchaSpec


@dataclass(frozen=True)
class Task:
    """One measurement."""

    init: Init
    labels: int
    steps: int
    tested: int
    protection: Protection | None = None
    unlabelled: int = 0

    @property
    def name(self) -> str:
        """Name of its file."""
        name = f"{self.init}-{self.labels}"
        if self.unlabelled:
            name = f"{name}-unlabelled-{self.unlabelled}"
        if self.protection:
            name = f"{self.protection.name}-{self.protection.change}-{name}"
        return name

    @property
    def recipe(self) -> str:
        """Everything that determines its result, beside the captchas and the seed."""
        rate = self.learning_rate if self.labels else 0
        recipe = f"{self.name} {NETWORKS[self.init]} {self.steps} {rate:g} {self.tested}"
        return f"{recipe} {FRACTIONS} {NETWORK_COUNT} networks" if self.unlabelled else recipe

    @property
    def learning_rate(self) -> float:
        """Peak of the learning rate."""
        return _choose(_LEARNING_RATES[self.init], self.labels)

    @property
    def step_s(self) -> float:
        """Approximate CPU seconds of a training step."""
        return _SELF_TRAINING_STEP_S if self.unlabelled else _STEP_S[self.init]

    @property
    def cost_s(self) -> float:
        """Approximate CPU seconds."""
        rendered = self.tested + (self.labels if self.protection else 0)
        return _MEASUREMENT_S + self.steps * self.step_s + rendered * _CAPTCHA_S

    def __str__(self) -> str:
        """Return the task for messages."""
        source = "the bundled model" if self.init == "bundled" else "nothing"
        text = f"{self.labels:,} labels, trained from {source}" if self.labels else "no labels"
        if self.unlabelled:
            text = f"{text}, self-trained on {self.unlabelled:,} images"
        if self.protection:
            text = f"{self.protection.name} {self.protection.change}, {text}"
        return text


def count_steps(init: Init, labels: int, mode: Mode) -> int:
    """Return the number of training steps for a number of labels."""
    if not labels:
        return 0
    steps = _choose(_STEPS[init], labels)
    return steps * _THOROUGH_FACTOR if mode == "thorough" else steps


def _choose(values: Mapping[int, Number], labels: int) -> Number:
    """Return the value of the highest key that is not above the number of labels."""
    return values[max(least for least in values if least <= labels)]


def list_curve(mode: Mode, tested: int, available: int | None = None) -> Iterator[Task]:
    """Yield the measurements of the curve.

    Args:
        mode: how much is measured.
        tested: number of test captchas.
        available: number of labelled captchas; None if they are rendered as needed.
    """
    for init, planned in LABELS[mode].items():
        numbers = list(planned)
        if available is not None and available < numbers[-1]:
            # The last point uses every image, unless that is hardly more than the one before.
            numbers = [labels for labels in planned if labels < 0.9 * available] + [available]
        for labels in numbers:
            yield Task(init, labels, count_steps(init, labels, mode), tested)
    if unlabelled := min(UNLABELLED[mode], available or UNLABELLED[mode]):
        yield Task("bundled", 0, SELF_TRAINING_STEPS, tested, unlabelled=unlabelled)


def list_protections(mode: Mode, protections: list[Protection]) -> Iterator[Task]:
    """Yield the measurements of what helps: without labels and with some."""
    for protection in protections:
        for labels in (0, PROTECTION_LABELS[mode]):
            steps = count_steps("bundled", labels, mode)
            yield Task("bundled", labels, steps, TEST_CAPTCHAS[mode], protection)
