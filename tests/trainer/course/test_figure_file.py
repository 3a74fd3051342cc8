"""Figures as files: their size, and the command below them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from tests.trainer.course.runs.fakes import build_workspace
from trainer.course.figure_file import save_figure
from trainer.course.illustrations.loss_curves import draw_loss_curves


def draw_noise() -> Figure:
    figure = Figure(figsize=(6, 3))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(np.random.default_rng(0).random((60, 120, 3)), aspect="auto")
    return figure


def test_the_command_is_below_the_figure(tmp_path: Path) -> None:
    save_figure(draw_noise(), tmp_path / "short.png", "the command")
    save_figure(draw_noise(), tmp_path / "long.png", "the command", "one line\nanother line")
    short, long = (Image.open(tmp_path / name) for name in ("short.png", "long.png"))
    assert short.width == long.width == 600
    # The figure is not made smaller, and each line of the caption needs the same height.
    assert 300 < short.height < long.height < 400
    strip = np.asarray(short.convert("L"))[300:]
    assert strip.min() < 100  # text
    assert strip[:, :100].min() > 250  # in the middle, on white


def test_noise_in_all_colours_stays_small(tmp_path: Path) -> None:
    file = save_figure(draw_noise(), tmp_path / "noise.png", "the command")
    assert file.stat().st_size < 300_000


def test_the_command_below_a_figure_names_its_size(tmp_path: Path) -> None:
    small = replace(build_workspace(tmp_path / "small"), size="small")
    full = replace(small, directory=tmp_path / "full", size="full")
    command = "docker compose run --rm trainer course losses"
    assert small.describe_command("losses") == command
    assert full.describe_command("losses") == f"{command} --size full"
    widths = []
    for workspace in (small, full):
        (file,) = draw_loss_curves(workspace)
        last_line = np.asarray(Image.open(file).convert("L"))[-16:]
        columns = np.flatnonzero(last_line.min(axis=0) < 150)
        widths.append(columns[-1] - columns[0])
    assert widths[1] > widths[0] + 40
