"""The chart of the curve."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.trainer.audit.report.example import build_curve, build_example, build_self_trained
from trainer.audit.report.curve import build_curve_chart
from trainer.audit.report.scale import AccuracyScale, LabelScale


def test_the_ends_of_the_accuracy_are_stretched() -> None:
    scale = AccuracyScale(top=0, bottom=100)
    assert scale.place(0.5) == pytest.approx(50)
    assert scale.place(0.01) - scale.place(0.1) > scale.place(0.4) - scale.place(0.5)


def test_accuracies_beyond_the_ends_are_at_the_edges() -> None:
    scale = AccuracyScale(top=0, bottom=100)
    assert scale.place(0) == pytest.approx(100)
    assert scale.place(1) == pytest.approx(0)


def test_no_labels_have_a_place_left_of_the_fewest() -> None:
    scale = LabelScale.fit([0, 100, 1_000], 10, 110)
    assert scale.place(0) == 10
    assert 10 < scale.place(100) < scale.place(1_000) == pytest.approx(110)


def test_equal_factors_have_equal_distances() -> None:
    scale = LabelScale.fit([100, 10_000], 0, 100)
    assert [scale.place(n) for n in (100, 1_000, 10_000)] == pytest.approx([0, 50, 100])


def test_everything_is_inside_the_chart() -> None:
    chart = build_curve_chart(build_example().curve, 380, 360)
    for line in chart.lines:
        for mark in line.marks:
            assert chart.left <= mark.x <= chart.right
            assert chart.top <= mark.high <= mark.y <= mark.low <= chart.bottom


def test_numbers_at_the_axis_do_not_cover_each_other() -> None:
    for width in (380, 720):
        places = sorted(
            t.place for t in build_curve_chart(build_example().curve, width, 360).x_ticks
        )
        assert min(after - before for before, after in pairwise(places)) >= 40


def test_names_of_equal_lines_do_not_cover_each_other() -> None:
    curve = (*build_curve("bundled", {100: 0.5}), *build_curve("scratch", {100: 0.5}))
    first, second = build_curve_chart(curve, 720, 400).lines
    assert abs(first.label_y - second.label_y) >= 16


def test_a_self_trained_attacker_is_beside_the_line() -> None:
    curve = build_example().curve
    without, chart = (
        build_curve_chart(points, 720, 400) for points in (curve, (*curve, build_self_trained(0.5)))
    )
    assert chart.lines == without.lines
    (mark,) = chart.self_trained
    assert 0 < mark.x - chart.lines[0].marks[0].x < 10
    assert mark.y < chart.lines[0].marks[0].y
