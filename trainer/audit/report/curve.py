"""The chart of the accuracy against the number of labelled images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trainer.audit.report.scale import TICKS, AccuracyScale, LabelScale
from trainer.audit.results import CurvePoint, Init
from trainer.audit.thresholds import INITS, RATES

NAMES: dict[Init, str] = {"bundled": "pretrained", "scratch": "from scratch"}
"""The initial weights, in the words of the report."""
_LABEL_HEIGHT_PX = 18.0
_SHIFT_PX = 3.0
"""Between the two lines, so that their intervals do not cover each other."""
_TICK_DISTANCE_PX = 44.0


@dataclass(frozen=True)
class Mark:
    """One measurement: centre and interval in pixels."""

    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True)
class Line:
    """The measurements of one initialisation."""

    init: Init
    name: str
    marks: tuple[Mark, ...]
    label_y: float

    @property
    def path(self) -> str:
        """The line, as the `points` of an SVG polyline."""
        return " ".join(f"{mark.x:.1f},{mark.y:.1f}" for mark in self.marks)


@dataclass(frozen=True)
class Tick:
    """A number at an axis."""

    place: float
    text: str
    is_rate: bool = False
    """Whether it is one of the rates that the report names."""


@dataclass(frozen=True)
class CurveChart:
    """Everything that the template draws, in pixels."""

    width: int
    height: int
    left: float
    right: float
    top: float
    bottom: float
    lines: tuple[Line, ...]
    self_trained: tuple[Mark, ...]
    """Attackers that trained themselves on images without labels; not on a line."""
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


def build_curve_chart(curve: Sequence[CurvePoint], width: int, height: int) -> CurveChart:
    """Return the chart of a curve.

    Args:
        curve: the measurements.
        width: of the picture, in pixels.
        height: of the picture, in pixels.
    """
    left, right, top, bottom = 58.0, width - 108.0, 14.0, height - 50.0
    numbers = sorted({point.labels for point in curve})
    x_scale = LabelScale.fit(numbers, left + 16, right - 10)
    y_scale = AccuracyScale(top, bottom)
    drawn = [init for init in INITS if any(point.init == init for point in curve)]

    def mark(point: CurvePoint) -> Mark:
        is_right = point.init == "scratch" or point.unlabelled
        return Mark(
            x_scale.place(point.labels) + (_SHIFT_PX if is_right else -_SHIFT_PX),
            y_scale.place(point.accuracy.accuracy),
            *map(y_scale.place, point.accuracy.accuracy_interval_95),
        )

    labelled = sorted((p for p in curve if not p.unlabelled), key=lambda point: point.labels)
    marks = {init: tuple(mark(p) for p in labelled if p.init == init) for init in drawn}
    places = _spread([marks[init][-1].y for init in drawn])
    return CurveChart(
        width,
        height,
        left,
        right,
        top,
        bottom,
        tuple(
            Line(init, NAMES[init], marks[init], y) for init, y in zip(drawn, places, strict=True)
        ),
        tuple(mark(point) for point in curve if point.unlabelled),
        tuple(_list_label_ticks(numbers, x_scale)),
        tuple(
            Tick(y_scale.place(rate), f"{100 * rate:g}\N{NO-BREAK SPACE}%", rate in RATES)
            for rate in TICKS
        ),
    )


def _list_label_ticks(numbers: Sequence[int], scale: LabelScale) -> list[Tick]:
    """Return the numbers that have room, from the largest: it is the most important one."""
    ticks: list[Tick] = []
    for number in reversed(numbers):
        place = scale.place(number)
        if not ticks or ticks[-1].place - place >= _TICK_DISTANCE_PX:
            ticks.append(Tick(place, f"{number:,}" if number else "none"))
    return ticks


def _spread(places: Sequence[float]) -> list[float]:
    """Move two labels apart that would cover each other."""
    if len(places) < 2 or abs(places[0] - places[1]) >= _LABEL_HEIGHT_PX:
        return list(places)
    centre, half = sum(places) / 2, _LABEL_HEIGHT_PX / 2
    is_first_above = places[0] <= places[1]
    return [centre - half, centre + half] if is_first_above else [centre + half, centre - half]
