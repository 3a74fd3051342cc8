"""The quality gate: the accuracy that a model needs to be published."""

from __future__ import annotations

import math

from shared.versions.manifest import Metrics


def describe_accuracy(metrics: Metrics) -> str:
    """Return the test accuracy as a phrase for messages."""
    low, high = metrics.accuracy_interval_95
    return (
        f"exact-match accuracy {metrics.accuracy:.2%} on {metrics.n:,} test captchas"
        f" (95 % interval {low:.2%} to {high:.2%})"
    )


def find_failure(metrics: Metrics, min_accuracy: float) -> str | None:
    """Return why a model fails the quality gate, or None if it passes."""
    if metrics.accuracy < min_accuracy:
        # The tolerance is for floating point: 0.07 * 100 is more than 7.
        missing = math.ceil(min_accuracy * metrics.n - 1e-6) - round(metrics.accuracy * metrics.n)
        return (
            f"{describe_accuracy(metrics)} is {missing:,} captchas below the required"
            f" {min_accuracy:.2%}"
        )
    for subset, measured in metrics.by_subset.items():
        # Thousands of generated captchas must not hide a low accuracy on a small image folder.
        _, high = measured.accuracy_interval_95
        if high < min_accuracy:
            return (
                f"exact-match accuracy {measured.accuracy:.2%} on the {measured.n:,} test captchas"
                f" of the subset {subset!r} is below the required {min_accuracy:.2%}"
            )
    return None
