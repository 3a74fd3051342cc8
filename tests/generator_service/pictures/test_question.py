from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from generator_service.pictures.pictograms import FONT, PICTOGRAMS, render_pictogram
from generator_service.pictures.question import TILES, draw_question
from generator_service.pictures.tile import TILE_PX


def test_every_pictogram_is_in_the_font_and_differs_from_the_others() -> None:
    characters = "".join(PICTOGRAMS.values())
    assert len(set(characters)) == len(characters)
    substitute = render_pictogram("\uffff").tobytes()
    masks = {render_pictogram(character).tobytes() for character in characters}
    assert len(masks) == len(characters)
    assert substitute not in masks
    assert 20 <= len(PICTOGRAMS) == 30
    assert list(PICTOGRAMS) == sorted(PICTOGRAMS)


def test_the_font_is_small_and_has_its_licence_beside_it() -> None:
    assert FONT.stat().st_size < 400_000
    assert (FONT.parent / "OFL-1.1.txt").is_file()


def test_a_question_has_two_to_four_right_tiles_among_eight() -> None:
    questions = [draw_question(seed) for seed in range(60)]
    for question in questions:
        assert len(question.tiles) == len(question.words) == TILES
        assert question.answer == [i for i, w in enumerate(question.words) if w == question.word]
    assert {len(question.answer) for question in questions} == {2, 3, 4}
    assert len({question.word for question in questions}) > 20
    assert {position for question in questions for position in question.answer} == set(range(TILES))


def test_tiles_are_colour_pngs_of_one_size_and_never_equal() -> None:
    tiles = [tile for seed in range(10) for tile in draw_question(seed).tiles]
    assert len(set(tiles)) == len(tiles)
    for tile in tiles:
        image = Image.open(io.BytesIO(tile))
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (TILE_PX, TILE_PX))
        assert np.asarray(image.convert("L")).std() > 10


def test_the_seed_determines_the_question_in_every_process() -> None:
    assert draw_question(7) == draw_question(7)
    assert draw_question(7) != draw_question(8)
    program = "from generator_service.pictures.question import draw_question as d; print(d(7))"
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert result.stdout.strip() == str(draw_question(7))
