"""Font files of the synthetic style: found in directories, and checked for their characters."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from generator_service.errors import FontError

log = logging.getLogger(__name__)

BUNDLED_FONTS = Path(__file__).parent.parent / "fonts" / "bundled"
_SUFFIXES = (".ttf", ".otf")
_CHECK_PX = 40
_MISSING = "\uffff"  # a noncharacter: every font shows its substitute glyph
# In fonts with small capitals these differ from the capital letter in size only.
_CASE_LETTERS = "abdeghnqrt"
_MAX_CASE_OVERLAP = 0.8
# Some families have dozens of weights, which would outnumber all others.
_MAX_PER_FAMILY = 6


def find_fonts(paths: Iterable[str], charset: str) -> tuple[str, ...]:
    """Return the usable font files among files and directories, sorted within each directory.

    A font file that is named must be usable. Directories are searched, and fonts are skipped that
    lack a character, show lower case as small capitals, or equal another font.

    Raises:
        FontError: if a named file cannot be used, or no font is left.
    """
    paths = tuple(paths) or (str(BUNDLED_FONTS),)
    samples: set[bytes] = set()
    families: dict[str, list[str]] = {}
    for file, is_named in _list_files(paths):
        try:
            family, sample = _check_font(file, charset)
        except (OSError, FontError) as error:
            if is_named:
                raise FontError(f"the font {file} cannot be used: {error}") from error
            continue
        if sample not in samples:
            samples.add(sample)
            families.setdefault(family, []).append(file)
    if not families:
        raise FontError(f"no font in {', '.join(paths)} has all of the characters {charset!r}")
    return tuple(file for files in families.values() for file in _spread(files))


def _list_files(paths: Iterable[str]) -> Iterator[tuple[str, bool]]:
    for path in map(Path, paths):
        if not path.is_dir():
            yield str(path), True
            continue
        for file in sorted(path.rglob("*")):
            if file.suffix.lower() in _SUFFIXES:
                yield str(file), False


def _spread(files: list[str]) -> list[str]:
    """Return at most _MAX_PER_FAMILY files, from the first to the last of the list."""
    count = min(_MAX_PER_FAMILY, len(files))
    return [files[i * len(files) // count] for i in range(count)]


def _check_font(file: str, charset: str) -> tuple[str, bytes]:
    """Return the family and the pixels of the characters, so that equal fonts can be found.

    Raises:
        FontError: if the font cannot show the characters.
    """
    font = ImageFont.truetype(file, _CHECK_PX, layout_engine=ImageFont.Layout.BASIC)
    missing = _render(font, _MISSING)
    glyphs = {character: _render(font, character) for character in charset}
    for character, glyph in glyphs.items():
        if glyph is None or (missing is not None and glyph.tobytes() == missing.tobytes()):
            raise FontError(f"it has no {character!r}")
    pairs = [(c, c.upper()) for c in _CASE_LETTERS if c in charset and c.upper() in charset]
    if pairs:
        overlaps = [_measure_overlap(glyphs[a], glyphs[b]) for a, b in pairs]
        if np.mean(overlaps) > _MAX_CASE_OVERLAP:
            raise FontError("its lower case letters are small capitals")
    family = " ".join((font.getname()[0] or Path(file).stem).split()[:3])
    return family, b"".join(glyph.tobytes() for glyph in glyphs.values() if glyph)


def _render(font: ImageFont.FreeTypeFont, character: str) -> Image.Image | None:
    mask = Image.new("L", (3 * _CHECK_PX, 3 * _CHECK_PX))
    ImageDraw.Draw(mask).text((_CHECK_PX, _CHECK_PX), character, font=font, fill=255)
    box = mask.getbbox()
    return mask.crop(box) if box else None


def _measure_overlap(a: Image.Image | None, b: Image.Image | None) -> float:
    """Return the intersection over union of two glyphs that are scaled to the same size."""
    assert a is not None and b is not None
    first, second = (np.asarray(glyph.resize((24, 24))) > 127 for glyph in (a, b))
    return float((first & second).sum() / max(1, (first | second).sum()))
