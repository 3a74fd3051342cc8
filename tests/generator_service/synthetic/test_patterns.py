from __future__ import annotations

import random

import numpy as np
import pytest

from generator_service.synthetic.patterns import draw_hatching, draw_regions

SIZES = [(10, 10), (160, 60), (16, 600)]


@pytest.mark.parametrize("size", SIZES)
def test_a_hatching_leaves_most_of_a_character(size: tuple[int, int]) -> None:
    for seed in range(40):
        pattern = draw_hatching(size, random.Random(seed))
        assert (pattern.size, pattern.mode) == (size, "L")
        assert 0.25 < (np.asarray(pattern) == 255).mean() < 1


@pytest.mark.parametrize("size", SIZES)
def test_regions_cover_a_part_of_most_images(size: tuple[int, int]) -> None:
    fractions = []
    for seed in range(60):
        regions = draw_regions(size, random.Random(seed))
        assert (regions.size, regions.mode) == (size, "L")
        assert set(np.unique(np.asarray(regions))) <= {0, 255}
        fractions.append((np.asarray(regions) == 255).mean())
    assert sum(0.05 < fraction < 0.95 for fraction in fractions) > 20
