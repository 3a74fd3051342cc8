"""Paths of optimizers on loss surfaces: a figure, and the same as an animation."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from trainer.course.figure_file import save_figure
from trainer.course.illustrations.loss_surfaces import OPTIMIZERS, SURFACES, Points, Surface, trace
from trainer.course.workspace import CourseWorkspace

_STEP = "optimizer-paths"
# Colour, marker and line of each optimizer: any two of them suffice to tell the paths apart.
_APPEARANCES: tuple[tuple[str, str, Literal["-", "--", "-.", ":"]], ...] = (
    ("#111111", "o", "-"),
    ("#cc3311", "s", "--"),
    ("#ee7733", "D", ":"),
    ("#4477aa", "^", "-"),
    ("#228833", "v", "--"),
    ("#aa3377", "P", ":"),
    ("#33bbee", "X", "-."),
    ("#777777", "*", "-."),
)
_MARKER_STEPS = 10
_FRAMES = 32
_FRAME_MS, _LAST_FRAME_MS = 120, 2_000
_COLOURS = 32


def draw_optimizer_paths(workspace: CourseWorkspace) -> list[Path]:
    """Draw the paths of Keras optimizers in a long valley and at a saddle point.

    Returns:
        `optimizer-paths.png` and `optimizer-paths.gif`.
    """
    paths = [
        [trace(optimizer.create(optimizer.rates[i]), surface) for optimizer in OPTIMIZERS]
        for i, surface in enumerate(SURFACES)
    ]
    directory = workspace.step_directory(_STEP)
    return [
        _draw(directory / "optimizer-paths.png", workspace.describe_command(_STEP), paths),
        _animate(directory / "optimizer-paths.gif", paths),
    ]


def _draw(target: Path, command: str, paths: list[list[Points]]) -> Path:
    figure = Figure(figsize=(11, 8.6), layout="constrained")
    figure.suptitle("Paths of Keras optimizers with exact gradients (a marker every 10 steps)")
    axes = figure.subplots(2, 2, height_ratios=(1.35, 1))
    for column, (surface, found) in enumerate(zip(SURFACES, paths, strict=True)):
        _draw_contours(axes[0, column], surface)
        for (colour, marker, line), path in zip(_APPEARANCES, found, strict=True):
            appearance = {
                "color": colour, "marker": marker, "linestyle": line, "linewidth": 1.4,
                "markersize": 5, "markevery": _MARKER_STEPS, "clip_on": True,
            }  # fmt: skip
            axes[0, column].plot(path[:, 0], path[:, 1], **appearance)
            axes[1, column].plot(surface.loss(path), **appearance)
        axes[1, column].set_xlabel("step")
        axes[1, column].set_ylabel("loss")
        axes[1, column].grid(alpha=0.3)
    axes[1, 0].set_yscale("log")
    axes[1, 0].set_ylim(1e-4, 20)
    figure.legend(
        handles=_list_lines(with_rates=True), loc="outside lower center", ncols=4, fontsize=9
    )
    caption = (
        "Optimizers need different learning rates: these were chosen so that each of them moves"
        " visibly within 100 steps. The paths do not say which one is better."
    )
    return save_figure(figure, target, command, caption)


def _animate(target: Path, paths: list[list[Points]]) -> Path:
    figure = Figure(figsize=(7.2, 4.0), layout="constrained")
    panels = figure.subplots(1, 2)
    moving: list[tuple[Points, Line2D, Line2D]] = []
    for axes, surface, found in zip(panels, SURFACES, paths, strict=True):
        _draw_contours(axes, surface, filled=False)
        for (colour, marker, line), path in zip(_APPEARANCES, found, strict=True):
            (trail,) = axes.plot([], [], line, color=colour, linewidth=1)
            (head,) = axes.plot([], [], marker, color=colour, markersize=6)
            moving.append((path, trail, head))
    figure.legend(
        handles=_list_lines(with_rates=False), loc="outside lower center", ncols=4, fontsize=7
    )
    # Most happens at the start, so the frames are closer there.
    last = min(surface.steps for surface in SURFACES)
    steps = np.unique((last * np.linspace(0, 1, _FRAMES) ** 1.6).round().astype(int))
    frames = []
    for step in steps.tolist():
        figure.suptitle(f"Paths of Keras optimizers, step {step:3d}", fontsize=10)
        for path, trail, head in moving:
            trail.set_data(path[: step + 1, 0], path[: step + 1, 1])
            head.set_data(path[step : step + 1, 0], path[step : step + 1, 1])
        drawn = io.BytesIO()
        figure.savefig(drawn, dpi=80)
        frames.append(Image.open(drawn).convert("RGB"))
    # One palette for all frames: what does not move is stored once.
    palette = frames[-1].quantize(_COLOURS)
    first, *others = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    durations_ms = [_FRAME_MS] * len(others) + [_LAST_FRAME_MS]
    first.save(
        target, save_all=True, append_images=others, duration=durations_ms, loop=0, optimize=True
    )
    return target


def _draw_contours(axes: Axes, surface: Surface, *, filled: bool = True) -> None:
    left, right, bottom, top = surface.limits
    x, y = np.meshgrid(np.linspace(left, right, 200), np.linspace(bottom, top, 200))
    loss = surface.loss(np.stack([x, y], axis=-1))
    levels = np.quantile(loss, np.linspace(0, 1, 13))
    if filled:
        axes.contourf(x, y, loss, levels, cmap="Greys_r", alpha=0.35)
    axes.contour(x, y, loss, levels, colors="#999999", linewidths=0.5)
    axes.plot(*surface.start, "k+", markersize=12, markeredgewidth=2)
    axes.annotate("start", surface.start, xytext=(6, 6), textcoords="offset points", fontsize=9)
    if surface.minimum is not None:
        axes.plot(*surface.minimum, "kx", markersize=9, markeredgewidth=2)
        axes.annotate(
            "minimum", surface.minimum, xytext=(8, 6), textcoords="offset points", fontsize=9
        )
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.set_title(f"{surface.title}: loss {surface.formula}", fontsize=9 if not filled else 11)
    axes.set_xlabel("weight $w_1$")
    axes.set_ylabel("weight $w_2$")


def _list_lines(*, with_rates: bool) -> list[Line2D]:
    lines = []
    for optimizer, (colour, marker, line) in zip(OPTIMIZERS, _APPEARANCES, strict=True):
        label = optimizer.name
        if with_rates:
            valley, saddle = optimizer.rates
            label += f"\nrate {valley:g} valley, {saddle:g} saddle"
        lines.append(Line2D([], [], color=colour, marker=marker, linestyle=line, label=label))
    return lines
