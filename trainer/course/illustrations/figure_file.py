"""Figures of the course as PNG files."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

_DPI = 100
_COLOURS = 128  # the noise of captchas would need several times the bytes in full colour


def save_figure(figure: Figure, target: Path, step: str, caption: str = "") -> Path:
    """Write a figure with 128 colours, and below it the command that draws it; return the file.

    Args:
        figure: with the layout "constrained" and without a `supxlabel`.
        target: a PNG file.
        step: name of the step.
        caption: text above the command.
    """
    lines = [caption, f"python -m trainer course {step}"]
    figure.supxlabel("\n".join(line for line in lines if line), fontsize=8, color="#333333")
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=_DPI)
    Image.open(drawn).convert("RGB").quantize(_COLOURS).save(target, optimize=True)
    return target
