"""The designs are what the benchmark needs."""

from __future__ import annotations

import re

import pytest

from shared.captchas.spec import CaptchaSpec
from tests.benchmarks.designs.catalogue import DESIGNS, FONT_PACKAGES
from tests.benchmarks.designs.design import PROGRAMS, Design


def test_there_are_designs_of_our_own_and_of_other_projects() -> None:
    assert len({design.name for design in DESIGNS}) == len(DESIGNS)
    assert sum(design.is_published for design in DESIGNS) >= 4
    assert sum(not design.is_published for design in DESIGNS) >= 4
    assert sum(not design.effect_in_style for design in DESIGNS) >= 6


@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: design.name)
def test_a_design_has_a_program_pinned_packages_and_a_valid_charset(design: Design) -> None:
    assert (PROGRAMS / f"{design.name}{'.cjs' if design.npm else '.py'}").exists()
    assert all(re.fullmatch(r"[\w.-]+==[\d.]+", package) for package in design.pip)
    assert all(re.fullmatch(r"(@[\w-]+/)?[\w.-]+@[\d.]+", package) for package in design.npm)
    CaptchaSpec(design.charset, design.max_length, min_length=design.min_length)


def test_font_packages_are_pinned() -> None:
    assert all(re.fullmatch(r"font-[\w-]+==[\d.]+", package) for package in FONT_PACKAGES)


def test_texts_have_every_length_and_character_and_depend_on_the_seed_only() -> None:
    design = Design("misprint", "abc", 3, 5)
    texts = design.draw_texts(200, seed=1)
    assert texts == design.draw_texts(200, seed=1)
    assert texts[:20] == design.draw_texts(20, seed=1)
    assert texts != design.draw_texts(200, seed=2)
    assert {len(text) for text in texts} == {3, 4, 5}
    assert set("".join(texts)) == set("abc")
    assert all(map(design.allows, texts))


@pytest.mark.parametrize("text", ["ab", "abcabc", "abx"])
def test_a_text_outside_the_charset_or_the_length_is_not_allowed(text: str) -> None:
    assert not Design("misprint", "abc", 3, 5).allows(text)
