"""Renderer versions: the libraries and fonts that determine the pixels of a seed."""

from __future__ import annotations

import hashlib
import importlib.metadata
from pathlib import Path
from typing import Any

from PIL import ImageFont, features

from generator_service.errors import FontError
from generator_service.rendering.library_renderer import DEFAULT_FONTS
from generator_service.rendering.render_options import RenderOptions


def describe_renderer(
    options: RenderOptions, fonts: tuple[str, ...] | None = None
) -> dict[str, Any]:
    """Return the versions of the rendering libraries and the digests of the fonts.

    Together with spec and seed they determine the pixels of a captcha.

    Args:
        options: fonts and effects of the generator.
        fonts: font files of the library's styles; empty means DEFAULT_FONTS, None those of the
            options.

    Raises:
        FontError: if a font cannot be used.
    """
    fonts = options.fonts if fonts is None else fonts
    return {
        "captcha": importlib.metadata.version("captcha"),
        "pillow": importlib.metadata.version("pillow"),
        "freetype": features.version("freetype2"),
        "numpy": importlib.metadata.version("numpy"),
        "fonts": [_digest_font(file) for file in fonts or DEFAULT_FONTS],
        "synthetic": {
            **options.synthetic.model_dump(),
            "fonts": _digest_files(options.synthetic_fonts),
        },
    }


def _digest_files(files: tuple[str, ...]) -> str:
    """Return a digest of the names and contents of files in this order, 16 hex digits."""
    digest = hashlib.sha256()
    for file in map(Path, files):
        digest.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _digest_font(file: str) -> str:
    try:
        ImageFont.truetype(file, 42)
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise FontError(f"the font {file} cannot be used: {error}") from error
