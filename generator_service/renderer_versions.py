"""Renderer versions: the libraries and fonts that determine the pixels of a seed."""

from __future__ import annotations

import hashlib
import importlib.metadata
from pathlib import Path
from typing import Any

from PIL import ImageFont, features

from generator_service.errors import FontError
from generator_service.image_renderer import DEFAULT_FONTS


def describe_renderer(fonts: tuple[str, ...]) -> dict[str, Any]:
    """Return the versions of the rendering libraries and the digests of the fonts.

    Together with spec and seed they determine the pixels of a captcha.

    Raises:
        FontError: if a font cannot be used.
    """
    return {
        "captcha": importlib.metadata.version("captcha"),
        "pillow": importlib.metadata.version("pillow"),
        "freetype": features.version("freetype2"),
        "fonts": [_digest_font(file) for file in fonts or DEFAULT_FONTS],
    }


def _digest_font(file: str) -> str:
    try:
        ImageFont.truetype(file, 42)
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise FontError(f"the font {file} cannot be used: {error}") from error
