from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from generator_service.errors import IllegibleText
from generator_service.rendering.render_options import RenderOptions
from generator_service.rendering.spec_check import check_renderable
from shared.captchas.effects import Effects
from shared.captchas.spec import LIBRARY_STYLES, STYLES, CaptchaSpec, Style

OPTIONS = RenderOptions()


def check(effects: Effects, style: Style = "current") -> None:
    check_renderable(replace(CaptchaSpec(style=style), effects=effects), OPTIONS)


@pytest.mark.parametrize("style", STYLES)
def test_the_default_captchas_are_legible_in_every_style(style: Style) -> None:
    check_renderable(CaptchaSpec(style=style), OPTIONS)


# The fractions are those of all 191 ** 3 text colours that the library can draw.
@pytest.mark.parametrize("style", LIBRARY_STYLES)
@pytest.mark.parametrize(
    ("background", "faint"),
    [("#606060", "62%"), ("#808080", "39%"), ("#909090", "29%"), ("#202020", "19%")],
)
def test_a_background_near_many_random_text_colours_is_refused(
    background: str, faint: str, style: Style
) -> None:
    with pytest.raises(IllegibleText, match=f"{background} with random text colours: {faint} of"):
        check(Effects(background_color=background), style)


@pytest.mark.parametrize(
    "background", ["#ffffff", "#f0f0f0", "#c8c8c8", "#ffffcc", "#cce6ff", "#000000", "random"]
)
def test_a_background_near_few_random_text_colours_is_accepted(background: str) -> None:
    check(Effects(background_color=background))


def test_a_background_near_random_text_colours_is_accepted_with_a_text_colour() -> None:
    check(Effects(background_color="#606060", text_color="#ffffff"))


@pytest.mark.parametrize("background", ["random", "#ffffff", "#101010"])
def test_a_text_that_the_library_draws_transparently_is_refused(background: str) -> None:
    with pytest.raises(IllegibleText, match=f"not 0 [(]#000000 on {background}[)]"):
        check(Effects(text_color="#000000", background_color=background))


def test_synthetic_fonts_are_only_searched_for_characters_that_they_may_lack(
    tmp_path: Path,
) -> None:
    options = RenderOptions(
        synthetic_fonts=(str(tmp_path / "not-read.ttf"),), synthetic_charset="012"
    )
    check_renderable(CaptchaSpec("20", style="synthetic"), options)
    with pytest.raises(IllegibleText, match=r"the font not-read.ttf cannot be used"):
        check_renderable(CaptchaSpec("23", style="synthetic"), options)
