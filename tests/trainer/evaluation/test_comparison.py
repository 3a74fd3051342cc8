"""A new version is compared with the reference captcha by captcha."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.evaluation.comparison import compare_paired, describe_comparison, is_inferior


def outcomes(both: int, gained: int, lost: int, neither: int = 0) -> tuple[np.ndarray, np.ndarray]:
    new = [True] * both + [True] * gained + [False] * lost + [False] * neither
    old = [True] * both + [False] * gained + [True] * lost + [False] * neither
    return np.array(new), np.array(old)


def test_the_difference_and_its_bound_come_from_the_captchas_that_differ() -> None:
    comparison = compare_paired(*outcomes(9_950, 10, 20, 20), reference_version=3)
    assert comparison.reference_version == 3
    assert comparison.reference_accuracy == pytest.approx(0.997)
    assert (comparison.gained, comparison.lost, comparison.n) == (10, 20, 10_000)
    assert comparison.difference == pytest.approx(-0.001)
    # standard error: sqrt(30 - 0.01) / 10,000
    assert comparison.lower_bound_95 == pytest.approx(-0.001 - 1.6449 * 0.000547631, abs=1e-8)


@pytest.mark.parametrize(
    ("gained", "lost", "expected"),
    [
        (0, 0, False),
        (5, 5, False),  # -0.05 points
        (10, 20, True),
        (60, 60, True),  # equal, but the interval is wider than the margin
        (61, 60, False),  # better on these captchas
        (0, 4, False),  # -0.04 points, lower bound -0.07
        (0, 8, True),  # -0.08 points, lower bound -0.13
    ],
)
def test_a_version_is_inferior_unless_it_is_better_or_within_the_margin(
    gained: int, lost: int, expected: bool
) -> None:
    both = 10_000 - gained - lost
    comparison = compare_paired(*outcomes(both, gained, lost), reference_version=1)
    assert is_inferior(comparison) is expected


def test_a_better_model_on_few_images_is_not_inferior() -> None:
    assert not is_inferior(compare_paired(*outcomes(25, 3, 2), reference_version=0))
    assert is_inferior(compare_paired(*outcomes(25, 2, 3), reference_version=0))


def test_a_comparison_is_described_in_percentage_points() -> None:
    comparison = compare_paired(*outcomes(9_950, 10, 20, 20), reference_version=0)
    assert describe_comparison(comparison) == (
        "-0.10 percentage points compared with version 0 (99.70% of the same 10,000 test captchas;"
        " 10 more correct, 20 more wrong; 95 % lower bound -0.19)"
    )
