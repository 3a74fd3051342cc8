from __future__ import annotations

import random

import pytest

from generator_service.synthetic.colours import Palette, draw_palette, luma

RNG_SEEDS = range(300)


@pytest.mark.parametrize(("inverted_fraction", "is_dark"), [(0, False), (1, True)])
def test_the_text_is_darker_than_a_light_background_and_lighter_than_a_dark_one(
    inverted_fraction: float, is_dark: bool
) -> None:
    for seed in RNG_SEEDS:
        rng = random.Random(seed)
        palette = draw_palette(rng, inverted_fraction)
        assert palette.is_dark is is_dark
        difference = luma(palette.background) - luma(palette.draw_ink(rng))
        assert (-difference if is_dark else difference) >= 30


def test_a_grey_palette_has_no_colour() -> None:
    rng = random.Random(1)
    palettes = [draw_palette(rng, 0.2) for _ in range(100)]
    grey = [palette for palette in palettes if palette.is_grey]
    assert 10 < len(grey) < 40
    for palette in grey:
        for colour in (palette.background, palette.draw_ink(rng), palette.draw_any(rng)):
            assert len(set(colour)) == 1


@pytest.mark.parametrize(
    ("background", "is_dark", "ink"),
    [((20, 20, 20), False, (0, 0, 0)), ((250, 250, 250), True, (255, 255, 255))],
)
def test_black_or_white_is_used_where_no_colour_has_enough_contrast(
    background: tuple[int, int, int], is_dark: bool, ink: tuple[int, int, int]
) -> None:
    assert Palette(background, is_dark, 60, False).draw_ink(random.Random(1)) == ink


def test_luma_is_that_of_pillow() -> None:
    assert luma((255, 255, 255)) == pytest.approx(255)
    assert luma((255, 0, 0)) == pytest.approx(76.2, abs=0.1)
