"""The two orders in which Keras can keep an image: channels last or channels first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from shared.captchas.spec import CaptchaSpec
from trainer.course.figure_file import save_figure

# An image of 2 rows, 3 columns and 3 channels.
_ROWS, _COLUMNS, _CHANNELS = 2, 3, 3
_NAMES = "RGB"
_SHADES = ("#ffffff", "#dddddd", "#bbbbbb")


def draw_channel_order(target: Path, command: str, spec: CaptchaSpec) -> Path:
    """Draw where the values of an image lie in memory in both orders, with the shapes of a batch.

    Args:
        target: a PNG file.
        command: writes the figure, for the small print.
        spec: the captchas.
    """
    figure = Figure(figsize=(11, 3.1), layout="constrained")
    figure.suptitle(
        f"channels_last and channels_first: an image of {_ROWS} x {_COLUMNS} pixels with"
        f" {_CHANNELS} channels, and its values in memory"
    )
    values = list_memory_order()
    captchas = {
        "channels_last": f"(N, {spec.height}, {spec.width}, 1)",
        "channels_first": f"(N, 1, {spec.height}, {spec.width})",
    }
    shapes = {
        "channels_last": f"({_ROWS}, {_COLUMNS}, {_CHANNELS})",
        "channels_first": f"({_CHANNELS}, {_ROWS}, {_COLUMNS})",
    }
    panels = figure.subplots(2, 2, width_ratios=(1, 3.2))
    for (pixels, memory), (order, cells) in zip(panels, values.items(), strict=True):
        if order == "channels_last":
            _draw_pixels(pixels)
        else:
            _draw_planes(pixels)
        for position, (row, column, channel) in enumerate(cells.tolist()):
            _draw_cell(memory, position, 0, channel, f"{_NAMES[channel]}\n{row},{column}")
        memory.set_xlim(-0.2, len(cells) + 0.2)
        memory.set_ylim(-0.1, 1.1)
        memory.set_title(
            f"{order}: shape {shapes[order]}; a batch of grey captchas: {captchas[order]}",
            fontsize=10,
        )
        for axes in (pixels, memory):
            axes.set_axis_off()
            axes.set_aspect("equal")
    return save_figure(
        figure, target, command,
        "Letter: channel. Numbers: row, column. With one channel the values lie in the same order,"
        " and only the shape differs.\nThe networks here pin channels_last, whatever keras.json"
        " says: TensorFlow's convolutions on a CPU are made for this order.",
    )  # fmt: skip


def list_memory_order() -> dict[str, npt.NDArray[np.int64]]:
    """Return (row, column, channel) of each value in the order of memory, int64 (values, 3)."""
    last = np.moveaxis(np.indices((_ROWS, _COLUMNS, _CHANNELS), np.int64), 0, -1)
    return {
        "channels_last": last.reshape(-1, 3),
        "channels_first": last.transpose(2, 0, 1, 3).reshape(-1, 3),
    }


def _draw_pixels(axes: Axes) -> None:
    """Draw a grid of pixels, each with its channels side by side."""
    for row in range(_ROWS):
        for column in range(_COLUMNS):
            for channel in range(_CHANNELS):
                x, y = 3.4 * column + channel, 1.4 * (_ROWS - 1 - row)
                _draw_cell(axes, x, y, channel, _NAMES[channel])
    axes.set_xlim(-0.2, 3.4 * _COLUMNS)
    axes.set_ylim(-0.2, 1.4 * _ROWS)
    axes.set_title("pixels with channels", fontsize=10)


def _draw_planes(axes: Axes) -> None:
    """Draw one plane of pixels per channel."""
    for channel in range(_CHANNELS):
        for row in range(_ROWS):
            for column in range(_COLUMNS):
                x, y = 3.4 * channel + column, float(_ROWS - 1 - row)
                _draw_cell(axes, x, y, channel, _NAMES[channel])
    axes.set_xlim(-0.2, 3.4 * _CHANNELS)
    axes.set_ylim(-0.2, _ROWS + 0.2)
    axes.set_title("planes of channels", fontsize=10)


def _draw_cell(axes: Axes, x: float, y: float, channel: int, text: str) -> None:
    axes.add_patch(
        Rectangle((x, y), 1, 1, facecolor=_SHADES[channel], edgecolor="#333333", linewidth=0.8)
    )
    axes.text(x + 0.5, y + 0.5, text, ha="center", va="center", fontsize=7)
