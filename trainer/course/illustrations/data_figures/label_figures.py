"""Figures of a labelled data set: a contact sheet, and the statistics of its labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from shared.captchas.spec import CaptchaSpec
from trainer.course.figure_file import save_figure

_ROWS, _COLUMNS = 6, 3
_MARKERS = "os^Dvx+*"
_CURVE_POINTS = 60


def draw_contact_sheet(target: Path, command: str, files: Sequence[Path]) -> Path:
    """Draw the first captchas in colour, and the same ones in grey beside them."""
    chosen = files[: _ROWS * _COLUMNS]
    figure = Figure(figsize=(11.5, 5.2), layout="constrained")
    figure.suptitle(
        f"The first {len(chosen)} of {len(files):,} files: {chosen[0].name} to {chosen[-1].name}"
    )
    for axes, mode, title in zip(
        figure.subplots(1, 2), ("RGB", "L"), ("in colour, as rendered", "in grey"), strict=True
    ):
        images = [np.asarray(Image.open(file).convert(mode)) for file in chosen]
        axes.imshow(_tile(images), cmap="gray", vmin=0, vmax=255)
        axes.set_title(title)
        axes.set_axis_off()
    return save_figure(figure, target, command)


def _tile(images: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
    """Return images in rows, with white gaps and white places at the end."""
    gap = [(3, 3), (3, 3), (0, 0)][: images[0].ndim]
    padded = [np.pad(image, gap, constant_values=255) for image in images]
    padded += [np.full_like(padded[0], 255)] * (-len(padded) % _COLUMNS)
    rows = [
        np.concatenate(padded[i : i + _COLUMNS], axis=1) for i in range(0, len(padded), _COLUMNS)
    ]
    return np.concatenate(rows)


def draw_label_statistics(
    target: Path,
    command: str,
    spec: CaptchaSpec,
    texts: Sequence[str],
    expect_distinct: Callable[[int], float],
) -> Path:
    """Draw how often each character is at each position, and how many labels are different.

    Args:
        target: a PNG file.
        command: writes the figure, for the small print.
        spec: the captchas.
        texts: the labels, in the order of rendering.
        expect_distinct: expected number of different labels of a number of captchas.
    """
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    figure.suptitle(f"Labels of {len(texts):,} training captchas")
    characters, distinct = figure.subplots(1, 2, width_ratios=(1.3, 1))
    _draw_characters(characters, spec, texts)
    _draw_distinct(distinct, texts, expect_distinct)
    return save_figure(figure, target, command)


def _draw_characters(axes: Axes, spec: CaptchaSpec, texts: Sequence[str]) -> None:
    classes = np.arange(len(spec.charset))
    for position in range(spec.length):
        found = [text[position] for text in texts if position < len(text)]
        marker = _MARKERS[position % len(_MARKERS)]
        offset = 0.6 * ((position + 0.5) / spec.length - 0.5)
        counts = [found.count(character) for character in spec.charset]
        axes.plot(classes + offset, counts, marker, markersize=5, label=f"position {position + 1}")
    # All positions up to the shortest length have as many characters as there are captchas.
    share = 1 / len(spec.charset)
    expected = len(texts) * share
    spread = 2 * (expected * (1 - share)) ** 0.5
    axes.axhline(expected, color="#222222", label=f"expected: {expected:.4g}")
    axes.axhspan(
        expected - spread, expected + spread, color="#bbbbbb", alpha=0.4,
        label="expected ± 2 standard deviations",
    )  # fmt: skip
    axes.set_xticks(classes, list(spec.charset), fontsize=10 if len(classes) < 30 else 5)
    axes.set_xlabel("character")
    axes.set_ylabel("captchas")
    axes.set_title("Characters at each position")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.45 * (high - low))  # room for the legend
    axes.legend(fontsize=7, ncols=2, loc="upper center")


def _draw_distinct(
    axes: Axes, texts: Sequence[str], expect_distinct: Callable[[int], float]
) -> None:
    counts = np.linspace(1, len(texts), min(_CURVE_POINTS, len(texts))).astype(int).tolist()
    found = [len(set(texts[:count])) for count in counts]
    axes.plot(counts, counts, ":", color="#888888", label="if no label repeated")
    axes.plot(
        counts, [expect_distinct(count) for count in counts], "--", color="#222222",
        label=f"expected by chance: {expect_distinct(len(texts)):,.0f}",
    )  # fmt: skip
    axes.plot(counts, found, "o", markersize=3, color="#4477aa", label=f"found: {found[-1]:,}")
    axes.set_xlabel("rendered captchas")
    axes.set_ylabel("different labels = files")
    axes.set_title("Captchas with equal labels collapse to one file")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
