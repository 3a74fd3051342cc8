from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

from generator_service.errors import FontError
from generator_service.synthetic.font_files import find_fonts, list_bundled_fonts
from shared.captchas.spec import CaptchaSpec

BUNDLED = list_bundled_fonts()
PRINTABLE = CaptchaSpec("".join(c for c in map(chr, range(33, 127)) if c not in '/\\_."')).charset


def copy_font(source: str, target: Path) -> str:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
    return str(target)


def change_font(source: str, target: Path, characters: dict[str, str], family: str = "") -> str:
    """Save a font that shows other characters instead of some, or none for an empty text."""
    with TTFont(source) as font:
        for table in font["cmap"].tables:
            for character, shown in characters.items():
                glyph = table.cmap.pop(ord(character), None)
                if glyph and shown:
                    table.cmap[ord(character)] = table.cmap[ord(shown)]
        if family:
            for name_id in (1, 16):
                font["name"].setName(family, name_id, 3, 1, 0x409)
                font["name"].setName(family, name_id, 1, 0, 0)
        font.save(target)
    return str(target)


def test_no_paths_mean_the_bundled_fonts() -> None:
    assert find_fonts((), "0123456789") == BUNDLED
    assert len(BUNDLED) == 17


def test_every_bundled_font_is_usable_with_every_character_that_a_charset_can_contain() -> None:
    (folder,) = {str(Path(file).parent) for file in BUNDLED}
    assert find_fonts((folder,), PRINTABLE) == BUNDLED


def test_every_bundled_font_is_listed_with_its_licence() -> None:
    page = Path(BUNDLED[0]).with_name("LICENSES.md").read_text()
    for file in BUNDLED:
        assert f"`{Path(file).name}`" in page


def test_directories_are_searched_in_order_and_other_files_are_ignored(tmp_path: Path) -> None:
    b = copy_font(BUNDLED[0], tmp_path / "deep" / "b.OTF")
    a = copy_font(BUNDLED[1], tmp_path / "a.ttf")
    (tmp_path / "damaged.ttf").write_bytes(b"no font")
    (tmp_path / "readme.txt").write_text("text")
    assert find_fonts((str(tmp_path),), "0123456789") == (a, b)


def test_fonts_that_look_the_same_are_used_once(tmp_path: Path) -> None:
    first = copy_font(BUNDLED[0], tmp_path / "a.otf")
    copy_font(BUNDLED[0], tmp_path / "b.otf")
    assert find_fonts((str(tmp_path),), "0123456789") == (first,)


def test_a_named_font_must_be_usable(tmp_path: Path) -> None:
    assert find_fonts((BUNDLED[2],), "abc") == (BUNDLED[2],)
    damaged = tmp_path / "damaged.ttf"
    damaged.write_bytes(b"no font")
    for path in (damaged, tmp_path / "missing.ttf"):
        with pytest.raises(FontError, match=f"the font {path} cannot be used"):
            find_fonts((BUNDLED[2], str(path)), "abc")


def test_a_font_without_a_character_is_rejected_with_the_character(tmp_path: Path) -> None:
    font = change_font(BUNDLED[1], tmp_path / "a.ttf", {"x": ""})
    assert find_fonts((font,), "abc") == (font,)
    with pytest.raises(FontError, match="cannot be used: it has no 'x'"):
        find_fonts((font,), "wxyz")
    with pytest.raises(FontError, match=f"no font in {tmp_path} has all of the characters 'wxyz'"):
        find_fonts((str(tmp_path),), "wxyz")


def test_a_font_with_small_capitals_is_rejected_if_the_case_matters(tmp_path: Path) -> None:
    lower = "abcdefghijklmnopqrstuvwxyz"
    font = change_font(BUNDLED[1], tmp_path / "a.ttf", {c: c.upper() for c in lower})
    assert find_fonts((font,), lower) == (font,)
    with pytest.raises(FontError, match="lower case letters are small capitals"):
        find_fonts((font,), lower + lower.upper())


def test_at_most_six_fonts_of_a_family_are_used(tmp_path: Path) -> None:
    files = [
        change_font(font, tmp_path / f"{i}.ttf", {}, "Same Family")
        for i, font in enumerate(BUNDLED[:8])
    ]
    other = copy_font(BUNDLED[8], tmp_path / "other.otf")
    found = find_fonts((str(tmp_path),), "0123456789")
    assert found == (*(files[i] for i in (0, 1, 2, 4, 5, 6)), other)


def test_a_directory_without_fonts_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FontError, match=f"no font in {tmp_path} has all of the characters 'abc'"):
        find_fonts((str(tmp_path),), "abc")
