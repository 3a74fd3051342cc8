from __future__ import annotations

import random
import string
from itertools import pairwise

import pytest

from generator_service.synthetic.font_files import list_bundled_fonts
from generator_service.synthetic.options import SyntheticOptions
from generator_service.synthetic.text_layer import PlacedGlyph, lay_out

FONTS = list_bundled_fonts()
CHARSET = string.ascii_letters + string.digits


def lay_out_random_text(
    seed: int, length: int, size: tuple[int, int], charset: str = CHARSET, **options: float
) -> list[PlacedGlyph]:
    rng = random.Random(seed)
    text = "".join(rng.choices(charset, k=length))
    return lay_out(text, FONTS, size, SyntheticOptions(**options), rng)


@pytest.mark.parametrize("length", [1, 4, 8, 16])
def test_the_characters_fit_the_width_of_the_image(length: int) -> None:
    for seed in range(60):
        glyphs = lay_out_random_text(seed, length, (160, 60))
        assert len(glyphs) == length
        assert glyphs[0].left >= 0
        assert max(glyph.left + glyph.mask.whole.width for glyph in glyphs) <= 160


@pytest.mark.parametrize("charset", [CHARSET, "il1|!", "W|"])
def test_the_characters_keep_their_order_and_stay_visible(charset: str) -> None:
    for seed in range(200):
        glyphs = lay_out_random_text(seed, 6, (160, 60), charset, max_overlap=0.5)
        for left, right in pairwise(glyphs):
            assert right.left - left.left >= left.mask.whole.width / 4 - 1


def test_without_overlap_the_characters_are_side_by_side() -> None:
    for seed in range(60):
        glyphs = lay_out_random_text(seed, 6, (160, 60), max_overlap=0)
        for left, right in pairwise(glyphs):
            assert right.left >= left.left + left.mask.whole.width - 1


def test_most_of_the_text_is_inside_the_image() -> None:
    for seed in range(100):
        for glyph in lay_out_random_text(seed, 5, (160, 60)):
            box = glyph.mask.whole.getbbox()
            assert box is not None
            visible = min(60, glyph.top + box[3]) - max(0, glyph.top + box[1])
            assert visible > 0.4 * (box[3] - box[1])


@pytest.mark.parametrize("size", [(10, 10), (16, 1000), (1000, 16), (1600, 1600)])
@pytest.mark.parametrize("length", [1, 16])
def test_every_size_and_length_can_be_laid_out(size: tuple[int, int], length: int) -> None:
    for seed in range(5):
        glyphs = lay_out_random_text(seed, length, size)
        assert len(glyphs) == length
        assert glyphs[0].left <= size[0]


def test_sizes_vary() -> None:
    heights = [lay_out_random_text(seed, 1, (160, 60))[0].mask.whole.height for seed in range(60)]
    assert max(heights) > 1.8 * min(heights)
