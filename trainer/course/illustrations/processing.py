"""Processing of inputs and outputs: from colour to numbers, and from numbers to a text."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from shared.captchas.images import to_grey
from shared.captchas.labels import text2vec
from shared.captchas.spec import CaptchaSpec
from trainer.course.figure_file import save_figure
from trainer.course.illustrations.data_figures.channel_order import draw_channel_order
from trainer.course.illustrations.example_captchas import (
    BundledPrediction,
    ExampleCaptcha,
    fetch_captcha,
    predict_bundled,
)
from trainer.course.workspace import CourseWorkspace

_STEP = "processing"
_LABELLED, _PREDICTED = "6046", "3935"  # the texts of the slides
_CHANNELS = (("red", "#cc3311", "-"), ("green", "#228833", "--"), ("blue", "#4477aa", ":"))
_SMALLEST = 1e-6  # what is drawn white
_MAX_NUMBERED = 16  # classes whose values fit into the cells


def draw_processing(workspace: CourseWorkspace) -> list[Path]:
    """Draw what happens to a captcha before the network, and to labels and outputs.

    Returns:
        `input.png`, `output.png` and `channels.png`.

    Raises:
        TrainingError: if the bundled model does not know the characters of the generator.
        GeneratorError: if a captcha cannot be fetched.
    """
    directory, spec = workspace.step_directory(_STEP), workspace.source.spec
    command = workspace.describe_command(_STEP)
    labelled, predicted = (fetch_captcha(workspace, text) for text in (_LABELLED, _PREDICTED))
    (prediction,) = predict_bundled([predicted], spec)
    return [
        _draw_input(directory / "input.png", command, labelled),
        _draw_output(directory / "output.png", command, spec, labelled, predicted, prediction),
        draw_channel_order(directory / "channels.png", command, spec),
    ]


def _draw_input(target: Path, command: str, captcha: ExampleCaptcha) -> Path:
    colour = captcha.colour
    grey = to_grey(Image.open(io.BytesIO(captcha.png)))
    normalised = grey.astype(np.float32) / 255
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    figure.suptitle(f"Captcha {captcha.text}: colour, grey, normalised")
    axes = figure.subplots(2, 3, height_ratios=(1, 1.3))
    height, width = grey.shape
    for panel, pixels, title in zip(
        axes[0],
        (colour, grey, normalised),
        (
            f"1. colour: uint8 ({height}, {width}, 3)",
            f"2. grey: uint8 ({height}, {width})\n$Y' = 0.299\\,R + 0.587\\,G + 0.114\\,B$",
            f"3. normalised: float32 ({height}, {width}, 1)\n$x = Y' / 255$",
        ),
        strict=True,
    ):
        panel.imshow(pixels, cmap="gray", vmin=0, vmax=1 if pixels is normalised else 255)
        panel.set_title(title, fontsize=10)
        panel.set_xticks([])
        panel.set_yticks([])
    bins = np.arange(0, 257, 4)
    for index, (name, shade, line) in enumerate(_CHANNELS):
        axes[1, 0].hist(
            colour[..., index].ravel(), bins, histtype="step", color=shade, linestyle=line,
            linewidth=1.5, label=name,
        )  # fmt: skip
    axes[1, 0].legend(loc="upper left")
    axes[1, 1].hist(grey.ravel(), bins, color="#888888", edgecolor="#222222", linewidth=0.4)
    # The same bins divided by 255: the shape must not change.
    axes[1, 2].hist(
        normalised.ravel(), bins / 255, color="#888888", edgecolor="#222222", linewidth=0.4
    )
    for panel, label in zip(
        axes[1],
        (
            "value of a channel (0 to 255)",
            "grey value (0 black to 255 white)",
            "input of the network (0 to 1)",
        ),
        strict=True,
    ):
        panel.set_xlabel(label)
        panel.set_yscale("log")
        panel.grid(alpha=0.3)
    axes[1, 0].set_ylabel("pixels")
    return save_figure(
        figure, target, command,
        "Grey keeps the strokes and a third of the numbers. Normalising changes the scale, and not"
        " the shape of the histogram.",
    )  # fmt: skip


def _draw_output(
    target: Path,
    command: str,
    spec: CaptchaSpec,
    labelled: ExampleCaptcha,
    predicted: ExampleCaptcha,
    prediction: BundledPrediction,
) -> Path:
    one_hot = text2vec(labelled.text, spec).reshape(spec.length, spec.classes)
    figure = Figure(figsize=(11, 5), layout="constrained")
    figure.suptitle("Texts as numbers: what the network is trained on, and what it returns")
    axes = figure.subplots(2, 2, height_ratios=(1, 1.7))
    names = list(spec.charset) + ["end"] * spec.is_variable
    for column, captcha, title in (
        (0, labelled, f"Label {labelled.text}, one-hot"),
        (1, predicted, f"Captcha {predicted.text}, predicted by the bundled model"),
    ):
        axes[0, column].imshow(captcha.colour)
        axes[0, column].set_title(title, fontsize=11)
        axes[0, column].set_axis_off()
    _draw_matrix(axes[1, 0], one_hot, names, labelled.text)
    axes[1, 0].set_title(f"One 1 in each row, {one_hot.size} numbers in all", fontsize=10)
    _draw_matrix(axes[1, 1], prediction.probabilities, list(spec.charset), prediction.text)
    axes[1, 1].set_title(f"The largest of each row gives the text {prediction.text}", fontsize=10)
    return save_figure(
        figure, target, command,
        "Each row is a position of the text, and the column is the index of the character in the"
        " charset.\nA black frame marks the largest number of a row; the shade is logarithmic,"
        " from 0.000001 (white) to 1.",
    )  # fmt: skip


def _draw_matrix(axes: Axes, values: npt.NDArray[np.float32], names: list[str], text: str) -> None:
    """Draw numbers in [0, 1], with the decoded character at the left of each row."""
    rows, columns = values.shape
    shades = np.log10(np.maximum(values, _SMALLEST))
    axes.imshow(shades, cmap="Greys", vmin=np.log10(_SMALLEST), vmax=1.5, aspect="auto")
    for row in range(rows):
        if row < len(text):
            axes.add_patch(_frame(int(values[row].argmax()), row))
        for column in range(columns if columns <= _MAX_NUMBERED else 0):
            value = float(values[row, column])
            axes.text(
                column, row, _format(value), ha="center", va="center", fontsize=8,
                color="white" if value > 0.01 else "#222222",
            )  # fmt: skip
    labels = [
        f"position {row + 1}: {text[row]}" if row < len(text) else f"position {row + 1}: none"
        for row in range(rows)
    ]
    axes.set_yticks(range(rows), labels)
    axes.set_xticks(range(columns), names, fontsize=9 if columns <= _MAX_NUMBERED else 5)
    axes.set_xlabel("character")


def _format(value: float) -> str:
    """Return a probability with two digits, or its power of ten if it is small."""
    if value in {0.0, 1.0}:
        return f"{value:.0f}"
    return f"{value:.2f}" if value >= 0.005 else f"{value:.0e}".replace("e-0", "e-")


def _frame(column: int, row: int) -> Rectangle:
    return Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="black", linewidth=2)
