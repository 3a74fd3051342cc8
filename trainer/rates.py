"""The learning rate: by a plan, or moved by what the loss does, as the course teaches it.

The course's rules (its slides "when to raise" and "when to lower"): raise it when the loss is
flat at the start; lower it when the loss explodes or is no number at the start, when a fast drop
is followed by a long plateau, and when the loss oscillates late.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np

WATCHFUL = "watchful"

_WARM_UP_SHARE = 0.1
_LAST_SHARE = 0.01


@dataclass(frozen=True)
class Move:
    """A change of the learning rate that no plan foresaw."""

    step: int
    rate: float
    reason: str
    restores: bool = False
    """Whether the network goes back to its last good state as well."""


class RatePolicy(Protocol):
    """Sets the learning rate. Told of the mean loss of every few steps."""

    def rate(self, progress: float) -> float:
        """The rate to use now. progress: share of the training that is done, 0 to 1."""
        ...

    def observe(self, step: int, loss: float) -> Move | None:
        """Looks at the mean loss of the last few steps; says what it changes because of it."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """What it has seen, as JSON can carry it."""
        ...


@dataclass
class Planned:
    """Constant, or up in a line over the first tenth and down in a cosine to a hundredth."""

    highest: float
    cosine: bool

    def rate(self, progress: float) -> float:
        """As the protocol says."""
        if not self.cosine:
            return self.highest
        if progress < _WARM_UP_SHARE:
            return self.highest * max(progress, 1e-3) / _WARM_UP_SHARE
        down = (min(progress, 1.0) - _WARM_UP_SHARE) / (1 - _WARM_UP_SHARE)
        cosine = (1 + math.cos(math.pi * down)) / 2
        return self.highest * (_LAST_SHARE + (1 - _LAST_SHARE) * cosine)

    def observe(self, step: int, loss: float) -> Move | None:
        """A plan does not look."""
        return None

    def to_dict(self) -> dict[str, Any]:
        """As the protocol says."""
        return {}


# How many observations the rules of `Watchful` look at.
_SMOOTHED_OVER = 3
_FLAT_AFTER = 6
_PLATEAU_AFTER = 40
_OSCILLATION_WINDOW = 24

_FLAT_DROP = 0.05  # less than this share of the first loss gone: flat
_PLATEAU_DROP = 0.02  # less than this share lower than before: no lower
_FAST_DROP = 0.5  # of the first loss: only after such a drop is a plateau one
_EXPLODED, _BACK_TO_START = 3.0, 0.8  # times the lowest smoothed loss, and the first
_OSCILLATION_TURNS = 0.75  # share of observations at which the loss turns round
_OSCILLATION_SIZE = 0.5  # standard deviation over mean
_RAISE, _LOWER, _RECOVER = 3.0, 0.5, 0.3
_SAFE_SHARE = 0.5  # of a rate that led astray: no higher afterwards
_HIGHEST_SHARE, _LOWEST_SHARE = 16.0, 1e-3  # of the rate it began with


@dataclass
class Watchful:
    """Moves the rate by what the loss does. All its fields survive a break as JSON."""

    current: float
    first_rate: float = 0.0
    losses: list[float] = field(default_factory=list)
    """Since the last move, no more than the rules look at."""
    first_losses: list[float] = field(default_factory=list)
    """Of the first few observations."""
    lowest: float = math.inf
    """The lowest smoothed loss of the network as it is: what was gone back from does not count."""
    too_high: float = math.inf
    """The lowest rate that led astray."""
    quiet: int = 0
    """Observations since it was last lower."""

    def __post_init__(self) -> None:
        self.first_rate = self.first_rate or self.current

    @property
    def first_loss(self) -> float:
        """What the loss was at the start, smoothed."""
        return float(np.mean(self.first_losses)) if self.first_losses else math.inf

    def rate(self, progress: float) -> float:
        """As the protocol says."""
        return self.current

    def observe(self, step: int, loss: float) -> Move | None:
        """As the protocol says."""
        if not math.isfinite(loss):
            return self._move(step, _RECOVER, f"the loss became {loss}", restores=True)
        self.losses.append(loss)
        del self.losses[:-_PLATEAU_AFTER]
        if len(self.first_losses) < _SMOOTHED_OVER:
            self.first_losses.append(loss)
        recent = float(np.mean(self.losses[-_SMOOTHED_OVER:]))
        if recent > _BACK_TO_START * self.first_loss and recent > _EXPLODED * self.lowest:
            why = f"the loss exploded to {recent:.3g} from {self.lowest:.3g}"
            return self._move(step, _RECOVER, why, restores=True)
        if recent < (1 - _PLATEAU_DROP) * self.lowest:
            self.lowest, self.quiet = recent, 0
        else:
            self.quiet += 1
        return self._check_flat(step, recent) or self._check_late(step, recent)

    def _check_flat(self, step: int, recent: float) -> Move | None:
        """Nothing learnt yet: larger steps."""
        learnt = self.lowest < (1 - _FLAT_DROP) * self.first_loss
        if learnt or len(self.losses) < _FLAT_AFTER:
            return None
        if self.current >= self.first_rate * _HIGHEST_SHARE:
            return None
        if self.current * _RAISE > _SAFE_SHARE * self.too_high:
            return None
        why = f"flat at the start: {recent:.3g} after {self.first_loss:.3g}"
        return self._move(step, _RAISE, why)

    def _check_late(self, step: int, recent: float) -> Move | None:
        """Learnt fast, and now gets no lower or jumps about: smaller steps."""
        if self.lowest > _FAST_DROP * self.first_loss:
            return None
        if self.current <= self.first_rate * _LOWEST_SHARE:
            return None
        if self.quiet >= _PLATEAU_AFTER:
            why = f"plateau after a fast drop: no lower than {self.lowest:.3g} for long"
            return self._move(step, _LOWER, why)
        window = np.array(self.losses[-_OSCILLATION_WINDOW:])
        if len(window) < _OSCILLATION_WINDOW or self.quiet < _OSCILLATION_WINDOW:
            return None
        turns = np.mean(np.diff(np.sign(np.diff(window))) != 0)
        if turns >= _OSCILLATION_TURNS and window.std() > _OSCILLATION_SIZE * window.mean():
            why = f"late oscillation: {window.min():.3g} to {window.max():.3g}"
            return self._move(step, _LOWER, why)
        return None

    def _move(self, step: int, factor: float, reason: str, restores: bool = False) -> Move:
        if restores:
            # What comes back has a loss of its own, early on that of an untrained network.
            self.lowest, self.too_high = math.inf, min(self.current, self.too_high)
        lowest, highest = self.first_rate * _LOWEST_SHARE, self.first_rate * _HIGHEST_SHARE
        self.current = min(max(self.current * factor, lowest * _RECOVER), highest)
        self.losses.clear()
        self.quiet = 0
        return Move(step, self.current, reason, restores)

    def to_dict(self) -> dict[str, Any]:
        """As the protocol says."""
        return asdict(self)


def build_policy(schedule: str, learning_rate: float, state: dict[str, Any]) -> RatePolicy:
    """The policy by its name, with what it had seen before a break."""
    if schedule == WATCHFUL:
        return Watchful(**state) if state else Watchful(learning_rate)
    return Planned(learning_rate, cosine=schedule == "cosine")
