"""Figures of curves that are read without colour: line styles, and labels at the ends of lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

# Lines that follow each other differ in dashes, marker and brightness.
_STYLES: tuple[tuple[str, str, str], ...] = (
    ("-", "o", "#000000"),
    ("--", "s", "#1f5fa8"),
    ("-.", "^", "#b3541e"),
    (":", "D", "#3a7d34"),
    ("-", "v", "#7a4da0"),
    ("--", "P", "#8a6d00"),
    ("-.", "X", "#00778a"),
    (":", "*", "#a0355f"),
)
_LABEL_GAP = 0.07  # of the height of the axes


@dataclass(frozen=True)
class Curve:
    """One line: its label, and its points. Values that are not finite are left out."""

    label: str
    x: Sequence[float]
    y: Sequence[float]


def draw_curves(axes: Axes, curves: Sequence[Curve]) -> None:
    """Draw lines with markers, each labelled at its end.

    Args:
        axes: with its final limits and scale on the y axis, or automatic ones.
        curves: at most as many as there are styles.
    """
    ends: list[tuple[float, float, str, str]] = []
    for number, curve in enumerate(curves):
        dashes, marker, colour = _STYLES[number % len(_STYLES)]
        points = [(x, y) for x, y in zip(curve.x, curve.y, strict=True) if math.isfinite(y)]
        xs, ys = [x for x, _ in points], [y for _, y in points]
        every = max(1, len(xs) // 8)
        axes.plot(
            xs, ys, linestyle=dashes, color=colour, linewidth=1.5,
            marker=marker, markersize=4.5, markevery=every,
        )  # fmt: skip
        if points:
            label = curve.label if len(points) == len(curve.y) else f"{curve.label}, then NaN"
            ends.append((xs[-1], ys[-1], label, colour))
    _label_ends(axes, ends)


def _label_ends(axes: Axes, ends: list[tuple[float, float, str, str]]) -> None:
    """Write each label beside the end of its line, moved so that no two overlap."""
    axes.autoscale_view()
    bottom, top = axes.get_ylim()
    axes.set_ylim(bottom, top)  # labels must not change them
    to_fraction = axes.transData + axes.transAxes.inverted()
    placed = sorted((to_fraction.transform((x, y))[1], x, y, label, c) for x, y, label, c in ends)
    heights = spread([height for height, *_ in placed], _LABEL_GAP)
    for height, (_, x, y, label, colour) in zip(heights, placed, strict=True):
        axes.annotate(
            label, xy=(x, y), xytext=(1.04, height), textcoords="axes fraction",
            fontsize=8, color=colour, va="center", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.5, "alpha": 0.6},
        )  # fmt: skip


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Move sorted heights in 0..1 apart, to at least a distance, each as little as it needs."""
    result: list[float] = []
    for height in heights:
        lowest = result[-1] + gap if result else 0.0
        result.append(max(height, lowest))
    ceiling = 1.0
    for i in reversed(range(len(result))):
        result[i] = min(result[i], ceiling)
        ceiling = result[i] - gap
    return result
