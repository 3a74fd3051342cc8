"""Figures as files: their size, and the command below them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from trainer.course.illustrations.figure_file import save_figure


def draw_noise() -> Figure:
    figure = Figure(figsize=(6, 3))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(np.random.default_rng(0).random((60, 120, 3)), aspect="auto")
    return figure


def test_the_command_is_below_the_figure(tmp_path: Path) -> None:
    save_figure(draw_noise(), tmp_path / "short.png", "sound")
    save_figure(draw_noise(), tmp_path / "long.png", "sound", "one line\nanother line")
    short, long = (Image.open(tmp_path / name) for name in ("short.png", "long.png"))
    assert short.width == long.width == 600
    # The figure is not made smaller, and each line of the caption needs the same height.
    assert 300 < short.height < long.height < 400
    strip = np.asarray(short.convert("L"))[300:]
    assert strip.min() < 100  # text
    assert strip[:, :100].min() > 250  # in the middle, on white


def test_noise_in_all_colours_stays_small(tmp_path: Path) -> None:
    file = save_figure(draw_noise(), tmp_path / "noise.png", "sound")
    assert file.stat().st_size < 300_000
