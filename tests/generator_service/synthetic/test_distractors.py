from __future__ import annotations

import random

import numpy as np
import pytest
from PIL import Image

from generator_service.synthetic.colours import Palette
from generator_service.synthetic.distractors import draw_distractors
from generator_service.synthetic.options import SyntheticOptions

PALETTE = Palette((255, 255, 255), is_dark=False, min_contrast=60, is_grey=False)
INK = (10, 20, 30)


def count_changed_pixels(seed: int, options: SyntheticOptions, size: tuple[int, int]) -> int:
    image = Image.new("RGB", size, PALETTE.background)
    draw_distractors(image, PALETTE, INK, options, random.Random(seed))
    return int((np.asarray(image) != 255).any(axis=2).sum())


def test_no_lines_and_no_dots_means_no_distractors() -> None:
    options = SyntheticOptions(max_lines=0, max_dots=0)
    assert not any(count_changed_pixels(seed, options, (160, 60)) for seed in range(50))


@pytest.mark.parametrize(
    "options",
    [SyntheticOptions(max_lines=0), SyntheticOptions(max_dots=0), SyntheticOptions()],
    ids=["dots", "lines", "both"],
)
def test_lines_and_dots_are_drawn_in_some_captchas(options: SyntheticOptions) -> None:
    counts = [count_changed_pixels(seed, options, (160, 60)) for seed in range(60)]
    assert 0 in counts
    assert max(counts) > 50


@pytest.mark.parametrize("size", [(10, 10), (16, 600), (1600, 16)])
def test_distractors_fit_every_size(size: tuple[int, int]) -> None:
    options = SyntheticOptions(max_lines=50, max_dots=2_000)
    assert any(count_changed_pixels(seed, options, size) for seed in range(20))
