from __future__ import annotations

import random

from generator_service.synthetic.options import draw_strength


def test_a_strength_is_zero_half_of_the_time_and_otherwise_below_the_limit() -> None:
    rng = random.Random(1)
    strengths = [draw_strength(rng, 4) for _ in range(1_000)]
    zeros = strengths.count(0)
    assert 420 < zeros < 580
    assert all(0 <= strength <= 4 for strength in strengths)
    assert sum(strengths) / (1_000 - zeros) > 1.8


def test_the_limit_does_not_change_the_numbers_that_follow() -> None:
    def draw(limit: float) -> float:
        rng = random.Random(3)
        draw_strength(rng, limit)
        return rng.random()

    assert draw(0) == draw(9)
