"""What the three styles have in common, and what each of them is."""

from __future__ import annotations

import random
import string
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from generator_service.history.crowded import render_crowded
from generator_service.history.gimpy import render_gimpy
from generator_service.history.line import render_line
from generator_service.synthetic.font_files import list_bundled_fonts

Render = Callable[[str, tuple[int, int], tuple[str, ...], random.Random], Image.Image]
FONTS = list_bundled_fonts()
SIZE = (160, 60)
RENDERERS: list[Render] = [render_gimpy, render_line, render_crowded]
CHARACTERS = string.digits + string.ascii_letters


def grey(render: Render, text: str, seed: int, size: tuple[int, int] = SIZE) -> npt.NDArray:
    image = render(text, size, FONTS, random.Random(seed))
    return np.asarray(image.convert("L")).astype(int)


def count_parts(pixels: npt.NDArray) -> int:
    """Return how many parts empty columns cut a text on a flat background into."""
    difference = np.abs(pixels - np.median(pixels))
    columns = (difference > 0.4 * difference.max()).any(axis=0)
    return int((np.diff(columns.astype(int), prepend=0) == 1).sum())


@pytest.mark.parametrize("render", RENDERERS)
@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("W" * 16, (16, 16)),
        ("8", (1000, 16)),
        ("iiii", (16, 1000)),
        ("W" * 16, (160, 60)),
        ("aB3dE9", (400, 150)),
        ("~'`-", (160, 60)),
    ],
)
def test_any_text_fits_any_size(render: Render, text: str, size: tuple[int, int]) -> None:
    for seed in range(5):
        image = render(text, size, FONTS, random.Random(seed))
        assert (image.mode, image.size) == ("RGB", size)
        assert np.asarray(image.convert("L")).std() > 1


@pytest.mark.parametrize("render", RENDERERS)
def test_characters_stand_out_and_touch_no_edge(render: Render) -> None:
    for seed in range(40):
        text = "".join(random.Random(seed).choices(CHARACTERS, k=4 + seed % 3))
        with_text, other = grey(render, text, seed), grey(render, text[::-1], seed)
        # The same seed and another text: everything but the text is the same.
        changed = np.abs(with_text - other) > 60
        if text != text[::-1]:
            assert 80 < changed.sum() < 0.5 * changed.size
            assert not changed[:, :1].any()
            assert not changed[:, -1:].any()


def test_gimpy_has_a_gradient_and_inverts_a_part_of_its_captchas() -> None:
    corners = np.array([grey(render_gimpy, "a", seed)[[0, 0, -1, -1], [0, -1, 0, -1]]
                        for seed in range(60)])  # fmt: skip
    assert (np.ptp(corners, axis=1) > 10).mean() > 0.8
    assert 5 < (corners.mean(axis=1) < 128).sum() < 35


def test_the_letters_of_gimpy_are_warped() -> None:
    # A vertical bar stays no rectangle.
    pixels = grey(render_gimpy, "IIII", 3)
    differences = np.abs(np.diff(pixels, axis=0)).max(axis=1)
    assert (differences > 30).sum() > 10


def test_the_stroke_of_line_joins_letters_that_are_apart() -> None:
    counts = [count_parts(grey(render_line, "HEHEHE", seed)) for seed in range(20)]
    # A few letters of a rounded or slanted font may miss a stroke that passes at their end.
    assert np.mean(counts) < 1.5
    assert max(counts) <= 3


def test_the_letters_of_crowded_touch() -> None:
    counts = [count_parts(grey(render_crowded, "HEHEHE", seed)) for seed in range(20)]
    assert np.mean(counts) < 1.5


def test_crowded_characters_keep_their_order() -> None:
    # Half of a character at least is to the right of the one before it.
    widths = [
        np.ptp(np.flatnonzero((grey(render_crowded, "i" * n, 1) < 150).any(axis=0)))
        for n in (2, 4, 8)
    ]
    assert widths[0] < widths[1] < widths[2]
