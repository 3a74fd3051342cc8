from __future__ import annotations

import random

import numpy as np
import pytest

from generator_service.synthetic.background import draw_background
from generator_service.synthetic.colours import Palette

PALETTE = Palette((200, 180, 160), is_dark=False, min_contrast=60, is_grey=False)


@pytest.mark.parametrize("size", [(16, 16), (160, 60), (10, 600)])
def test_a_background_has_its_size_and_stays_close_to_its_colour(size: tuple[int, int]) -> None:
    for seed in range(40):
        image = draw_background(size, PALETTE, random.Random(seed))
        assert (image.size, image.mode) == (size, "RGB")
        assert np.abs(np.asarray(image).astype(int) - PALETTE.background).max() <= 111


def test_most_backgrounds_are_flat() -> None:
    images = [draw_background((40, 20), PALETTE, random.Random(i)) for i in range(200)]
    colours = [len(image.getcolors(800) or ()) for image in images]
    assert 90 < sum(count == 1 for count in colours) < 150
    assert any(count == 2 for count in colours)  # stripes
    assert any(count > 10 for count in colours)  # a gradient or clouds
