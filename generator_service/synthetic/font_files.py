"""Font files of the synthetic style: found in directories, and checked for their characters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from generator_service.errors import FontError

_BUNDLED = Path(__file__).parents[1] / "fonts" / "bundled"
FONT_SUFFIXES = (".ttf", ".otf")
_CHECK_PX = 40
_MISSING = "\uffff"  # a noncharacter: every font shows its substitute glyph
# In fonts with small capitals these differ from the capital letter in size only.
_CASE_LETTERS = "abdeghnqrt"
_MAX_CASE_OVERLAP = 0.8
_OVERLAP_PX = 24
# Some families have dozens of weights, which would outnumber all others.
_MAX_PER_FAMILY = 6


def list_bundled_fonts() -> tuple[str, ...]:
    """Return the bundled fonts, which have every character that a charset can contain."""
    return tuple(str(file) for file in sorted(_BUNDLED.iterdir()) if file.suffix in FONT_SUFFIXES)


def find_fonts(paths: Sequence[str], charset: str) -> tuple[str, ...]:
    """Return the usable font files among files and directories, in a fixed order.

    A file that is named must be usable. In directories, fonts are skipped that lack a character,
    show lower case as small capitals, or equal another font. At most six fonts of a family are
    used.

    Args:
        paths: files, and directories that are searched; empty means the bundled fonts.
        charset: the characters that every font must have.

    Raises:
        FontError: if a named file cannot be used, or no font is left.
    """
    if not paths:
        return list_bundled_fonts()
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


def _list_files(paths: Sequence[str]) -> Iterator[tuple[str, bool]]:
    for path in map(Path, paths):
        if not path.is_dir():
            yield str(path), True
            continue
        for file in sorted(path.rglob("*")):
            if file.suffix.lower() in FONT_SUFFIXES:
                yield str(file), False


def _spread(files: list[str]) -> list[str]:
    """Return at most _MAX_PER_FAMILY files, from the first to the last of the list."""
    count = min(_MAX_PER_FAMILY, len(files))
    return [files[i * len(files) // count] for i in range(count)]


def _check_font(file: str, charset: str) -> tuple[str, bytes]:
    """Return the family and the pixels of the characters, by which equal fonts are found.

    Raises:
        OSError: if the file is not a font.
        FontError: if the font cannot show the characters.
    """
    font = load_font(file)
    glyphs = render_glyphs(font, charset)
    overlaps = [
        _measure_overlap(glyphs[letter], glyphs[letter.upper()])
        for letter in _CASE_LETTERS
        if letter in glyphs and letter.upper() in glyphs
    ]
    if overlaps and np.mean(overlaps) > _MAX_CASE_OVERLAP:
        raise FontError("its lower case letters are small capitals")
    family = " ".join((font.getname()[0] or Path(file).stem).split()[:3])
    return family, b"".join(glyph.tobytes() for glyph in glyphs.values())


def render_glyphs(font: ImageFont.FreeTypeFont, charset: str) -> dict[str, Image.Image]:
    """Return the coverage of each character, mode L, cropped.

    Raises:
        FontError: if the font lacks a character.
    """
    substitute = _render(font, _MISSING)
    glyphs = {}
    for character in charset:
        glyph = _render(font, character)
        if glyph is None or (substitute is not None and glyph.tobytes() == substitute.tobytes()):
            raise FontError(f"it has no {character!r}")
        glyphs[character] = glyph
    return glyphs


def load_font(file: str) -> ImageFont.FreeTypeFont:
    """Return a font at the size of the checks.

    Raises:
        OSError: if the file is not a font.
    """
    return ImageFont.truetype(file, _CHECK_PX, layout_engine=ImageFont.Layout.BASIC)


def _render(font: ImageFont.FreeTypeFont, character: str) -> Image.Image | None:
    """Return the coverage of a character, mode L, cropped; None if it is empty."""
    mask = Image.new("L", (3 * _CHECK_PX, 3 * _CHECK_PX))
    ImageDraw.Draw(mask).text((_CHECK_PX, _CHECK_PX), character, font=font, fill=255)
    box = mask.getbbox()
    return mask.crop(box) if box else None


def _measure_overlap(a: Image.Image, b: Image.Image) -> float:
    """Return the intersection over union of two glyphs that are scaled to the same size."""
    first, second = (np.asarray(glyph.resize((_OVERLAP_PX, _OVERLAP_PX))) > 127 for glyph in (a, b))
    return float((first & second).sum() / max(1, (first | second).sum()))
