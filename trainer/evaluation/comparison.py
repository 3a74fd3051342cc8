"""Paired comparison of two models on the same captchas."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from shared.versions.manifest import Comparison

MARGIN = 0.001
"""By how much a new version may be less accurate: 0.1 percentage points."""
_Z = 1.6449  # one-sided 95 %


def compare_paired(
    is_correct: npt.NDArray[np.bool_],
    is_reference_correct: npt.NDArray[np.bool_],
    reference_version: int,
) -> Comparison:
    """Compare a model with a reference, captcha by captcha.

    The variance is that of a difference of paired proportions; captchas that both predict alike do
    not add to it. Compare Liu et al., "Tests for equivalence or non-inferiority for paired binary
    data" (2002).

    Args:
        is_correct: whether the model predicts each captcha correctly, bool (N,).
        is_reference_correct: the same for the reference.
        reference_version: number of the reference.
    """
    n = len(is_correct)
    gained = int((is_correct & ~is_reference_correct).sum())
    lost = int((~is_correct & is_reference_correct).sum())
    difference = (gained - lost) / n
    error = math.sqrt(max(gained + lost - (gained - lost) ** 2 / n, 0)) / n
    return Comparison(
        reference_version=reference_version,
        reference_accuracy=float(is_reference_correct.mean()),
        gained=gained,
        lost=lost,
        n=n,
        difference=difference,
        lower_bound_95=difference - _Z * error,
    )


def is_inferior(comparison: Comparison) -> bool:
    """Return whether a model must not replace the reference.

    It may if it is more accurate on these captchas, or if the 95 % lower bound of the difference
    is above -MARGIN.
    """
    return comparison.difference <= 0 and comparison.lower_bound_95 <= -MARGIN


def describe_comparison(comparison: Comparison) -> str:
    """Return the comparison as a phrase for messages."""
    return (
        f"{100 * comparison.difference:+.2f} percentage points compared with version"
        f" {comparison.reference_version} ({comparison.reference_accuracy:.2%} of the same"
        f" {comparison.n:,} test captchas; {comparison.gained:,} more correct,"
        f" {comparison.lost:,} more wrong; 95 % lower bound"
        f" {100 * comparison.lower_bound_95:+.2f})"
    )
