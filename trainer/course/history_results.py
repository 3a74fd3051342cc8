"""Results of the trainings on styles: their table and their figure."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from shared.captchas.spec import Style
from shared.versions.manifest import Accuracy
from trainer.course.figure_file import save_figure
from trainer.course.table_file import write_table
from trainer.data.splits import Split

Start = Literal["scratch", "bundled"]
"""Initial weights: random ones, or those of the bundled model."""

# Names and appearance, which differs without colour too.
_LINES: dict[Start, tuple[str, str]] = {
    "scratch": ("compact network from scratch", "s--"),
    "bundled": ("trained from the bundled model", "o-"),
}
# Of 100,000 attempts a day, the share that the course calls a breach.
_BREACH = 0.15
_SAMPLES = 3


@dataclass(frozen=True)
class StyleResult:
    """One training: a row of the table.

    Attributes:
        style: rendering style.
        start: initial weights.
        captchas: training captchas; 0 for the bundled model as it is.
        steps: training steps of 32 captchas each.
        accuracy: exact match on captchas that no training used.
        low_95: lower end of the 95 % interval (Wilson).
        high_95: upper end.
        n: captchas that were evaluated.
        digest: of the captchas, the seed and the bundled model.
    """

    style: str
    start: str
    captchas: int
    steps: int
    accuracy: float
    low_95: float
    high_95: float
    n: int
    digest: str

    @property
    def key(self) -> tuple[str, str, int, int, int, str]:
        """What identifies the training."""
        return self.style, self.start, self.captchas, self.steps, self.n, self.digest

    @classmethod
    def measured(
        cls,
        style: Style,
        start: Start,
        captchas: int,
        steps: int,
        accuracy: Accuracy,
        digest: str,
    ) -> StyleResult:
        """Return the result with the numbers of an accuracy."""
        low, high = accuracy.accuracy_interval_95
        return cls(style, start, captchas, steps, accuracy.accuracy, low, high, accuracy.n, digest)


def read_results(table: Path) -> list[StyleResult]:
    """Return the rows of a table; none if it does not exist.

    Rows of earlier releases have no digest. They are left out, because their captchas are unknown.
    """
    if not table.exists():
        return []
    with table.open(newline="") as file:
        return [
            StyleResult(
                style=row["style"],
                start=row["start"],
                captchas=int(row["captchas"]),
                steps=int(row["steps"]),
                accuracy=float(row["accuracy"]),
                low_95=float(row["low_95"]),
                high_95=float(row["high_95"]),
                n=int(row["n"]),
                digest=row["digest"],
            )
            for row in csv.DictReader(file)
            if row.get("digest")
        ]


def write_results(table: Path, results: Sequence[StyleResult]) -> None:
    """Write a table with four decimals.

    Raises:
        ValueError: if there are no results.
    """
    write_table(table, [
        {
            name: round(value, 4) if isinstance(value, float) else value
            for name, value in asdict(result).items()
        }
        for result in results
    ])  # fmt: skip


def draw_history_styles(
    target: Path, samples: dict[Style, Split], results: list[StyleResult], command: str
) -> None:
    """Draw samples of each style beside the accuracy over the number of captchas.

    Args:
        target: a PNG file.
        samples: captchas of each style.
        results: trainings on each style.
        command: writes the figure, for the small print.
    """
    figure = Figure(figsize=(9.5, 2.2 * len(samples) + 0.8), layout="constrained")
    figure.suptitle("Accuracy by style and number of labelled captchas (bars: 95 % intervals)")
    grid = figure.add_gridspec(len(samples), 2, width_ratios=(1, 1.25))
    counts = sorted({result.captchas for result in results})
    for row, (style, split) in enumerate(samples.items()):
        shown = figure.add_subplot(grid[row, 0])
        shown.imshow(_tile(split.images[: 2 * _SAMPLES]), cmap="gray", vmin=0, vmax=255)
        shown.set_title(style)
        shown.set_axis_off()
        axes = figure.add_subplot(grid[row, 1])
        of_style = [result for result in results if result.style == style]
        lines = _draw_accuracy(axes, of_style, counts)
        if row == 0:
            figure.legend(
                handles=lines, loc="outside lower center", ncols=len(lines), frameon=False
            )
    axes.set_xlabel("labelled captchas (0: the bundled model without any training)")
    save_figure(figure, target, command)


def _draw_accuracy(axes: Axes, results: list[StyleResult], counts: list[int]) -> list[Any]:
    """Draw the accuracies of a style with equal distances between counts; return the legend."""
    lines: list[Any] = []
    for start, (name, appearance) in _LINES.items():
        chosen = [result for result in results if result.start == start]
        accuracies = [result.accuracy for result in chosen]
        # Near 0 and 1, rounding can put an end of the interval on the wrong side.
        below = [max(0.0, result.accuracy - result.low_95) for result in chosen]
        above = [max(0.0, result.high_95 - result.accuracy) for result in chosen]
        positions = [counts.index(result.captchas) for result in chosen]
        bars = (below, above)
        lines.append(
            axes.errorbar(positions, accuracies, bars, fmt=appearance, capsize=3, label=name)
        )
    lines.append(
        axes.axhline(_BREACH, color="#444444", linestyle=":", label=f"{_BREACH:.0%}: a breach")
    )
    axes.set_xticks(range(len(counts)), [f"{count:,}" for count in counts])
    axes.set_xlim(-0.3, len(counts) - 0.7)
    axes.set_ylim(-0.05, 1.05)
    axes.set_ylabel("exact match")
    axes.grid(alpha=0.3)
    return lines


def _tile(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return images in two columns, with white gaps."""
    padded = np.pad(images, ((0, 0), (3, 3), (3, 3)), constant_values=255)
    rows = [np.concatenate(list(padded[i : i + 2]), axis=1) for i in range(0, len(padded), 2)]
    return np.concatenate(rows)
