from __future__ import annotations

from pathlib import Path

import captcha.image
import pytest

from generator_service.errors import FontError
from generator_service.rendering.render_options import RenderOptions
from generator_service.rendering.renderer_versions import describe_renderer
from generator_service.settings import SyntheticSettings
from generator_service.synthetic.options import SyntheticOptions
from shared.fingerprint import fingerprint

DEFAULT_FONT = captcha.image.DEFAULT_FONTS[0]


def test_no_font_means_the_font_of_the_library() -> None:
    assert describe_renderer(RenderOptions((DEFAULT_FONT,))) == describe_renderer(RenderOptions())


def test_another_font_changes_the_fingerprint(tmp_path: Path) -> None:
    other = tmp_path / "other.ttf"
    other.write_bytes(Path(DEFAULT_FONT).read_bytes() + b"\0")
    assert fingerprint(describe_renderer(RenderOptions((str(other),)))) != fingerprint(
        describe_renderer(RenderOptions())
    )


def test_fonts_and_options_of_the_synthetic_style_change_the_fingerprint() -> None:
    default = RenderOptions()
    renderers = (
        default,
        RenderOptions(synthetic_fonts=default.synthetic_fonts[1:]),
        RenderOptions(synthetic_fonts=default.synthetic_fonts[::-1]),
        RenderOptions(synthetic=SyntheticOptions(max_lines=1)),
    )
    assert len({fingerprint(describe_renderer(options)) for options in renderers}) == 4


def test_settings_from_the_environment_have_the_fingerprint_of_equal_options() -> None:
    settings = SyntheticSettings.load(max_lines=1)
    options = SyntheticOptions(**settings.model_dump())
    assert describe_renderer(RenderOptions(synthetic=settings)) == describe_renderer(
        RenderOptions(synthetic=options)
    )


def test_a_file_that_is_not_a_font_is_named(tmp_path: Path) -> None:
    path = tmp_path / "no.ttf"
    path.write_text("hello")
    for font in (path, tmp_path / "missing.ttf"):
        with pytest.raises(FontError, match=str(font)):
            describe_renderer(RenderOptions((str(font),)))
