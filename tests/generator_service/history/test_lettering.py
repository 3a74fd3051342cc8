from __future__ import annotations

import random

import numpy as np
from PIL import Image

from generator_service.history.lettering import (
    draw_character,
    draw_colour,
    join,
    measure_gap,
    place,
)
from generator_service.synthetic.colours import luma
from generator_service.synthetic.font_files import list_bundled_fonts

FONT = list_bundled_fonts()[0]


def box(width: int, height: int = 20) -> Image.Image:
    return Image.new("L", (width, height), 255)


def test_characters_are_joined_with_gaps_and_overlaps() -> None:
    assert join([box(10), box(5), box(10)], [4.0, -2.0]).size == (27, 20)
    assert join([box(10), box(10)], [0.0], [0.0, 6.0]).size == (20, 26)


def test_the_gap_of_two_boxes_is_that_of_their_closest_row() -> None:
    left, right = Image.new("L", (20, 20)), Image.new("L", (20, 20))
    left.paste(255, (0, 0, 15, 10))
    right.paste(255, (3, 5, 20, 20))
    assert measure_gap(left, right) == 8
    # Their rows do not meet: the gap is limited, so that neither moves below the other.
    left.paste(0, (0, 5, 15, 10))
    assert measure_gap(left, right) == 9


def test_the_text_keeps_its_proportions_and_stays_in_the_image() -> None:
    for seed in range(20):
        mask = place(box(200, 50), (160, 60), (0.9, 0.8), random.Random(seed))
        left, top, right, bottom = mask.getbbox() or (0, 0, 0, 0)
        assert mask.size == (160, 60)
        assert 0 <= left < right <= 160
        assert (right - left, bottom - top) == (140, 35)


def test_small_texts_are_not_enlarged_without_limit() -> None:
    mask = place(box(4, 4), (160, 60), (0.9, 0.8), random.Random(1))
    assert mask.getbbox() is not None
    assert np.asarray(mask).astype(bool).any(axis=0).sum() == 5


def test_colours_have_the_brightness_that_was_asked_for() -> None:
    rng = random.Random(1)
    colours = [draw_colour(rng, 100, 140) for _ in range(200)]
    assert all(99 <= luma(colour) <= 141 for colour in colours)
    assert len(set(colours)) > 190


def test_characters_are_cropped_at_the_sides_and_share_a_middle() -> None:
    straight, rotated = draw_character(FONT, "H", 0.0), draw_character(FONT, "H", 0.2)
    for mask in (straight, rotated):
        columns = np.asarray(mask).any(axis=0)
        assert columns[0]
        assert columns[-1]
    centres = [np.flatnonzero(np.asarray(m).any(axis=1)).mean() - m.height / 2
               for m in (straight, rotated)]  # fmt: skip
    assert abs(centres[0] - centres[1]) < 2
