"""Figures of the course as PNG files."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

_DPI = 100
_COLOURS = 128  # the noise of captchas would need several times the bytes in full colour
_LINE_INCHES = 0.17


def save_figure(figure: Figure, target: Path, command: str, caption: str = "") -> Path:
    """Write a figure with 128 colours, and below it the command that writes it; return the file.

    Args:
        figure: any figure.
        target: a PNG file.
        command: writes the figure; see `CourseWorkspace.describe_command`.
        caption: lines above the command.
    """
    return save_image(_render(figure), target, command, caption)


def save_image(image: Image.Image, target: Path, command: str, caption: str = "") -> Path:
    """Write an image as `save_figure` writes a figure."""
    lines = [*caption.splitlines(), command]
    # A figure of its own: no legend or label of another one can be at the same place.
    strip = Figure(figsize=(image.width / _DPI, _LINE_INCHES * len(lines) + 0.06))
    strip.text(0.5, 0.5, "\n".join(lines), ha="center", va="center", fontsize=8, color="#333333")
    lower = _render(strip)
    joined = Image.new("RGB", (image.width, image.height + lower.height), "white")
    joined.paste(image, (0, 0))
    joined.paste(lower, (0, image.height))
    # Without k-means, the median cut greys the colours of thin lines and small letters.
    joined.quantize(_COLOURS, kmeans=1).save(target, optimize=True)
    return target


def _render(figure: Figure) -> Image.Image:
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=_DPI)
    return Image.open(drawn).convert("RGB")
