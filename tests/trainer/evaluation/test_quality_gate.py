from __future__ import annotations

from typing import Any

import pytest

from trainer.evaluation import wilson_interval
from trainer.gate import find_shortfall


def measure(**origins: tuple[int, int]) -> dict[str, Any]:
    """Metrics as a manifest has them, of (right, all) for each origin."""
    right, n = (sum(column) for column in zip(*origins.values(), strict=True))
    return figures(right, n) | {
        "by_origin": {origin: figures(*counts) for origin, counts in origins.items()}
    }


def figures(right: int, n: int) -> dict[str, Any]:
    return {"accuracy": right / n, "n": n, "accuracy_interval_95": wilson_interval(right, n)}


@pytest.mark.parametrize(
    ("origins", "sentence"),
    [
        ({"current": (9_800, 10_000)}, None),
        (
            {"current": (9_799, 10_000)},
            "97.99% of 10,000 captchas never trained on were read right (95 % interval 97.70% to"
            " 98.25%), 1 less than the 98.00% asked for",
        ),
        # Thousands that were drawn do not outvote a few of one's own.
        (
            {"current": (9_900, 10_000), "own": (80, 100)},
            "of own, 80.00% of 100 were read right: surely less than the 98.00% asked for",
        ),
        # Three wrong of a hundred may be by chance.
        ({"current": (9_900, 10_000), "own": (97, 100)}, None),
    ],
)
def test_what_falls_short_is_told_in_a_sentence(
    origins: dict[str, tuple[int, int]], sentence: str | None
) -> None:
    assert find_shortfall(measure(**origins), 0.98) == sentence
