"""What a version must read to be published, and to count as published."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


class GateError(RuntimeError):
    """A training that comes to nothing, or a model not good enough to be published."""


def describe_accuracy(metrics: Mapping[str, Any]) -> str:
    """One sentence on the metrics of a manifest, without its full stop."""
    low, high = metrics["accuracy_interval_95"]
    return (
        f"{metrics['accuracy']:.2%} of {metrics['n']:,} captchas never trained on were read right"
        f" (95 % interval {low:.2%} to {high:.2%})"
    )


def find_shortfall(metrics: Mapping[str, Any], min_accuracy: float) -> str | None:
    """Why a model with these metrics does not pass; None if it does."""
    if metrics["accuracy"] < min_accuracy:
        n = metrics["n"]
        # Less a little: 0.07 * 100 is more than 7 in floating point.
        missing = math.ceil(min_accuracy * n - 1e-6) - round(metrics["accuracy"] * n)
        return (
            f"{describe_accuracy(metrics)}, {missing:,} less than the {min_accuracy:.2%} asked for"
        )
    for origin, figures in metrics["by_origin"].items():
        # A few of one's own must not be outvoted by thousands that were drawn.
        _, high = figures["accuracy_interval_95"]
        if high < min_accuracy:
            return (
                f"of {origin}, {figures['accuracy']:.2%} of {figures['n']:,} were read right:"
                f" surely less than the {min_accuracy:.2%} asked for"
            )
    return None
