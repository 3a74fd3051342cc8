from __future__ import annotations

from pathlib import Path

import captcha.image
import pytest

from generator_service.errors import FontError
from generator_service.renderer_versions import describe_renderer
from shared.fingerprint import fingerprint

DEFAULT_FONT = captcha.image.DEFAULT_FONTS[0]


def test_no_font_means_the_font_of_the_library() -> None:
    assert describe_renderer((DEFAULT_FONT,)) == describe_renderer(())


def test_another_font_changes_the_fingerprint(tmp_path: Path) -> None:
    other = tmp_path / "other.ttf"
    other.write_bytes(Path(DEFAULT_FONT).read_bytes() + b"\0")
    assert fingerprint(describe_renderer((str(other),))) != fingerprint(describe_renderer(()))


def test_a_file_that_is_not_a_font_is_named(tmp_path: Path) -> None:
    path = tmp_path / "no.ttf"
    path.write_text("hello")
    for font in (path, tmp_path / "missing.ttf"):
        with pytest.raises(FontError, match=str(font)):
            describe_renderer((str(font),))
