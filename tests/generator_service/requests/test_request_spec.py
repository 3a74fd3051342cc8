from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from generator_service.errors import IllegibleText, UnsupportedCharset
from generator_service.rendering.named_fonts import FONT_DIRECTORY
from generator_service.rendering.render_options import RenderOptions
from generator_service.requests.request_spec import RequestSpecs, restrict_charset
from shared.captchas.effects import Effects
from shared.captchas.spec import STYLES, CaptchaSpec, SpecError, Style

SPEC = CaptchaSpec()
OPTIONS = RenderOptions()
WITHOUT_DIGITS = str(FONT_DIRECTORY / "pictograms" / "NotoSansSymbols2-pictograms.ttf")


@dataclass(frozen=True)
class CountingOptions(RenderOptions):
    """Records each choice of fonts."""

    chosen: list[Effects] = field(default_factory=list)

    def choose_fonts(self, effects: Effects) -> tuple[str, ...]:
        self.chosen.append(effects)
        return super().choose_fonts(effects)


def choose(spec: CaptchaSpec, style: Style | None, options: RenderOptions = OPTIONS) -> CaptchaSpec:
    return asyncio.run(RequestSpecs(spec, options).choose(style))


def test_no_style_means_the_style_of_the_generator() -> None:
    classic = replace(SPEC, style="classic")
    assert choose(classic, None) == choose(SPEC, "classic") == classic


def test_a_style_without_effects_is_chosen_without_those_of_the_generator() -> None:
    noisy = replace(SPEC, effects=Effects(noise_dots=60))
    assert choose(noisy, "classic") == replace(noisy, style="classic")
    assert choose(noisy, "synthetic") == replace(SPEC, style="synthetic")


@pytest.mark.parametrize("style", STYLES)
def test_every_style_can_be_chosen_at_the_default_size(style: Style) -> None:
    assert choose(SPEC, style) == CaptchaSpec(style=style)


@pytest.mark.parametrize("style", ["current", "classic", "vintage"])
def test_a_style_whose_characters_do_not_fit_cannot_be_chosen(style: Style) -> None:
    low = CaptchaSpec(style="synthetic", width=60, height=16)
    with pytest.raises(IllegibleText, match=f"height must be at least 40 in the style {style}"):
        choose(low, style)
    assert choose(low, "line") == replace(low, style="line")


def test_a_style_whose_fonts_lack_a_character_cannot_be_chosen() -> None:
    options = RenderOptions(fonts=(WITHOUT_DIGITS,))
    with pytest.raises(IllegibleText, match="cannot be used: it has no '0'"):
        choose(CaptchaSpec(style="synthetic"), "current", options)


@pytest.mark.parametrize("fonts", [(), (WITHOUT_DIGITS,)])
def test_a_style_is_checked_once(fonts: tuple[str, ...]) -> None:
    options = CountingOptions(fonts)
    specs = RequestSpecs(CaptchaSpec(style="synthetic"), options)

    async def is_refused() -> bool:
        try:
            return (await specs.choose("current")).style != "current"
        except IllegibleText:
            return True

    assert [asyncio.run(is_refused()) for _ in range(3)] == 3 * [bool(fonts)]
    assert len(options.chosen) == 1


def test_the_style_of_the_generator_is_not_checked_again() -> None:
    options = CountingOptions()
    assert choose(SPEC, "current", options) == choose(SPEC, None, options) == SPEC
    assert not options.chosen


def test_a_charset_can_be_restricted_to_a_part_of_it() -> None:
    assert restrict_charset(SPEC, "17") == replace(SPEC, charset="17")


def test_a_charset_cannot_be_extended_emptied_or_repeated() -> None:
    with pytest.raises(UnsupportedCharset, match="charset contains 'Oa'"):
        restrict_charset(SPEC, "1aO")
    for charset in ("", "11"):
        with pytest.raises(SpecError, match="charset"):
            restrict_charset(SPEC, charset)
