"""The regimes of the learning rate that the course's slides name, by a rule on the history."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Literal

from trainer.course.runs.history import Row

Regime = Literal["flat", "good", "plateau", "oscillation", "explosion"]

ADVICE: dict[Regime, str] = {
    "flat": "flat at the start: raise the rate",
    "good": "good",
    "plateau": "fast, then a plateau: lower the rate",
    "oscillation": "oscillates late: lower the rate",
    "explosion": "explodes, is NaN or stuck: lower the rate",
}
"""What the slides advise, for figures."""
# A loss that is this much above that of guessing has diverged.
_EXPLODED = 1.1
# Less than this part of the way from guessing to 0 after half of the epochs is flat.
_FLAT = 0.1
# A rise of the loss by this factor, late, is an oscillation.
_RISE = 1.25
# A late loss that falls by less than this factor is on a plateau, unless it is near 0.
_FALL = 0.8
_NEAR_ZERO = 0.02


def classify_rates(
    histories: Mapping[float, Sequence[Row]], guessing: float
) -> dict[float, Regime]:
    """Return the regime of each learning rate, by `classify` and by the other rates.

    A run that is flat at a higher rate than one that learns has exploded within its first epoch:
    it is stuck where the network answers the same for every captcha.

    Args:
        histories: history of the run with each learning rate.
        guessing: loss of equal probabilities for all classes.
    """
    regimes = {rate: classify(rows, guessing) for rate, rows in histories.items()}
    learning = [rate for rate, regime in regimes.items() if regime not in {"flat", "explosion"}]
    return {
        rate: "explosion"
        if regime == "flat" and any(rate > other for other in learning)
        else regime
        for rate, regime in regimes.items()
    }


def classify(rows: Sequence[Row], guessing: float) -> Regime:
    """Return the regime of a run by its training loss, in this order.

    Explosion: the loss is not finite, or in any epoch more than 1.1 times that of guessing.
    Flat: after half of the epochs it is still more than 0.9 times that of guessing.
    Good: the last loss is below 0.02 times that of guessing; there is nothing left to improve.
    Oscillation: in the second half, a loss is more than 1.25 times that of the epoch before.
    Plateau: in the second half, the loss falls to more than 0.8 times its value.
    Good: everything else.

    Args:
        rows: history of a run.
        guessing: loss of equal probabilities for all classes.
    """
    losses = [row["loss"] for row in rows]
    if any(not math.isfinite(loss) or loss > _EXPLODED * guessing for loss in losses):
        return "explosion"
    middle = len(losses) // 2
    late = losses[middle:]
    if late[0] > (1 - _FLAT) * guessing:
        return "flat"
    if late[-1] < _NEAR_ZERO * guessing:
        return "good"
    if any(after > _RISE * before for before, after in itertools.pairwise(late)):
        return "oscillation"
    return "plateau" if late[-1] > _FALL * late[0] else "good"
