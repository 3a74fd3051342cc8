"""Fonts that a spec names: files in the generator's directory of fonts."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from generator_service.errors import UnknownFont
from generator_service.synthetic.font_files import FONT_SUFFIXES

FONT_DIRECTORY = Path(__file__).parents[1] / "fonts"


@lru_cache(maxsize=32)
def find_named_fonts(directory: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the paths of the files with these names, in the directory or below it.

    Raises:
        UnknownFont: naming the fonts that are there, if one is missing.
    """
    paths = (path for path in sorted(directory.rglob("*")) if path.suffix.lower() in FONT_SUFFIXES)
    files = {path.name: str(path) for path in paths}
    if missing := [name for name in names if name not in files]:
        raise UnknownFont(
            f"fonts: there is no {', '.join(missing)}; the generator has {', '.join(sorted(files))}"
        )
    return tuple(files[name] for name in names)
