from __future__ import annotations

import math

import pytest
from matplotlib.figure import Figure

from trainer.course.comparisons.curves import Curve, draw_curves, spread


def test_labels_that_have_room_stay_where_they_are() -> None:
    assert spread([0.1, 0.5, 0.9], 0.1) == [0.1, 0.5, 0.9]


def test_labels_at_one_height_are_moved_apart_within_the_axes() -> None:
    moved = spread([0.95, 0.95, 0.95], 0.1)
    assert moved == pytest.approx([0.8, 0.9, 1.0])
    assert spread([0.0, 0.0], 0.1) == pytest.approx([0.0, 0.1])


def test_lines_differ_without_colour_and_are_labelled_at_their_ends() -> None:
    axes = Figure().subplots()
    names = [f"line {number}" for number in range(8)]
    draw_curves(axes, [Curve(name, [1, 2], [1, number]) for number, name in enumerate(names)])
    looks = {(line.get_linestyle(), line.get_marker()) for line in axes.lines}
    assert len(looks) == len(names)
    assert sorted(text.get_text() for text in axes.texts) == names


def test_a_line_that_becomes_nan_ends_there_and_says_so() -> None:
    axes = Figure().subplots()
    draw_curves(axes, [Curve("rate 1", [1, 2, 3], [2.0, 5.0, math.nan])])
    assert list(axes.lines[0].get_ydata()) == [2.0, 5.0]
    assert axes.texts[0].get_text() == "rate 1, then NaN"
