"""The designs of our own draw what they promise."""

from __future__ import annotations

import random
from importlib import import_module
from types import ModuleType

import numpy as np
import pytest

from tests.benchmarks.designs.catalogue import DESIGNS
from tests.benchmarks.designs.conftest import FONT
from tests.benchmarks.designs.design import Design
from tests.benchmarks.designs.programs import (
    erased_letters,
    hatched_arc,
    inverted_checks,
    landscape,
    lettering,
    misprint,
    mosaic,
    whirl,
)

OWN = [design for design in DESIGNS if not design.is_published]
FONTS = [str(FONT)]


def find_program(design: Design) -> ModuleType:
    return import_module(f"tests.benchmarks.designs.programs.{design.name}")


def draw(program: ModuleType, text: str, seed: int) -> np.ndarray:
    return np.asarray(program.draw(text, FONTS, random.Random(seed))).astype(int)


@pytest.mark.parametrize("design", OWN, ids=lambda design: design.name)
def test_seed_and_text_determine_a_picture_of_the_declared_size(design: Design) -> None:
    program, (text, other) = find_program(design), design.draw_texts(2, 1)
    first = draw(program, text, 1)
    width, height = program.SIZE
    assert first.shape == (height, width, 3)
    assert np.array_equal(first, draw(program, text, 1))
    assert not np.array_equal(first, draw(program, text, 2))
    assert not np.array_equal(first, draw(program, other, 1))


@pytest.mark.parametrize("design", OWN, ids=lambda design: design.name)
def test_the_widest_text_keeps_away_from_the_edge(design: Design) -> None:
    program = find_program(design)
    width, height = program.SIZE
    for seed in range(8):
        # Two texts with the same background: only pixels of the letters can differ.
        a, b = (draw(program, c * design.max_length, seed) for c in design.charset[-2:])
        rows, columns = np.nonzero(np.abs(a - b).max(axis=2) > 40)
        assert rows.size
        assert 1 <= rows.min() <= rows.max() <= height - 2
        assert 2 <= columns.min() <= columns.max() <= width - 3


def test_strokes_in_the_background_colour_cut_letters() -> None:
    strokes = erased_letters._draw_strokes(random.Random(1))
    rows = (strokes > 0.5).mean(axis=1)
    assert 0.05 < strokes.mean() < 0.3
    assert (strokes > 0.5).any(axis=0).all()  # they cross the picture
    assert rows.max() > 0
    pixels = draw(erased_letters, "HHHHH", 1)
    dark = pixels.sum(axis=2) < 450
    assert dark.any(axis=0).sum() > 100  # letters over most of the width, which touch


def test_a_letter_is_dark_on_light_fields_and_light_on_dark_ones() -> None:
    board = inverted_checks._draw_board(random.Random(1))
    assert set(np.unique(board)) == {0, 1}
    assert 0.35 < board.mean() < 0.65
    pixels = draw(inverted_checks, "8888", 1)
    extremes = [pixels.min(axis=(0, 1)), pixels.max(axis=(0, 1))]
    distances = [np.abs(pixels - colour).sum(axis=2) for colour in extremes]
    assert (np.minimum(*distances) < 12).mean() > 0.7  # two colours


def test_letters_on_an_arc_are_filled_with_a_pattern() -> None:
    for seed in range(6):
        assert 0.4 < hatched_arc._fill(random.Random(seed)).mean() < 0.8
        assert 0.04 < hatched_arc._lines(random.Random(seed)).mean() < 0.2


def test_three_inks_are_shifted_against_each_other() -> None:
    pixels = draw(misprint, "HHH", 3)
    for ink in (misprint.CYAN, misprint.MAGENTA, misprint.YELLOW):
        assert (np.abs(pixels - ink).sum(axis=2) < 40).sum() > 20
    assert (pixels.sum(axis=2) < 220).sum() > 100  # where all of them meet


def test_a_landscape_has_hills_and_translucent_letters() -> None:
    ground = landscape._draw_ground(random.Random(1))
    assert ground.std() > 20
    dark = [draw(landscape, "HHHHH", seed) for seed in range(4)]
    assert all(pixels.std() > 15 for pixels in dark)


def test_a_tile_of_a_mosaic_has_one_tint_and_joints_around_it() -> None:
    tiles, is_joint = mosaic._lay_tiles(random.Random(1))
    sizes = np.bincount(tiles.ravel())
    sizes = sizes[sizes > 0] / lettering.SCALE**2
    assert 9 < np.median(sizes) < 20  # pixels of the picture, as 3.2 to 4.2 squared
    assert 0.1 < is_joint.mean() < 0.4
    borders = tiles[:, 1:] != tiles[:, :-1]
    assert np.mean(is_joint[:, 1:][borders]) > 0.95


def test_a_whirl_turns_the_middle_and_leaves_the_rest() -> None:
    height, width = whirl.SIZE[1] * lettering.SCALE, whirl.SIZE[0] * lettering.SCALE
    bar = np.zeros((height, width), np.float32)
    bar[height // 2 - 6 : height // 2 + 6] = 1
    twisted = whirl._twist(bar, (whirl.SIZE[0] / 2, whirl.SIZE[1] / 2), random.Random(1))
    changes = np.abs(twisted - bar).mean(axis=0)  # by column
    # The centre itself stays in its place; the columns beside it move most.
    assert changes[width // 2 - 60 : width // 2 - 30].mean() > 5 * changes[:20].mean()
    assert changes[width // 2 - 60 : width // 2 - 30].mean() > 0.05


def test_a_text_is_reduced_to_the_width_and_never_enlarged() -> None:
    assert lettering.fit_font("I", str(FONT), 40, 100) == 40
    size = lettering.fit_font("WWWWWW", str(FONT), 40, 100, gap_px=2)
    font = lettering.load_font(str(FONT), size)
    left, _, right, _ = lettering.find_ink("W", font)
    assert 90 < 6 * (right - left) / lettering.SCALE + 5 * 2 <= 101


def test_letters_are_placed_in_order_on_their_baselines() -> None:
    font = lettering.load_font(str(FONT), 20)
    layers = lettering.place((90, 40), "HH", font, 5, (20, 35), (0, 0))
    boxes = [np.nonzero(layer > 0.5) for layer in layers]
    bottoms = [rows.max() / lettering.SCALE for rows, _ in boxes]
    assert np.allclose(bottoms, (20, 35), atol=0.7)
    (_, first), (_, second) = boxes
    assert (second.min() - first.max()) / lettering.SCALE == pytest.approx(5, abs=0.7)
    assert (first.min() + second.max()) / 2 / lettering.SCALE == pytest.approx(45, abs=0.7)
