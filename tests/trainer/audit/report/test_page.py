"""The page of a report."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from tests.trainer.audit.report.example import (
    build_curve,
    build_example,
    build_needed,
    build_self_trained,
)
from trainer.audit.report.page import list_facts, render_page
from trainer.audit.results import CharacterResult, ConfusedPair, Setting

_VOID = {"meta", "img", "br", "line", "rect", "circle", "path", "polyline"}


class _Outline(HTMLParser):
    """Collects what the tests ask for, and checks that elements are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def find(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def parse(**changes: Any) -> _Outline:
    outline = _Outline()
    outline.feed(render_page(build_example(**changes)))
    assert outline.open == []
    return outline


@pytest.fixture(scope="module")
def page() -> str:
    return render_page(build_example())


@pytest.fixture(scope="module")
def outline() -> _Outline:
    return parse()


def test_the_page_has_no_script_and_loads_nothing(page: str, outline: _Outline) -> None:
    assert not re.search(r"https?://|@import|url\(", page)
    names = {tag for tag, _ in outline.elements}
    assert not names & {"script", "link", "iframe", "object", "embed", "base", "form"}
    for tag, attributes in outline.elements:
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("src", "href", "xlink:href", "srcset", "poster"):
            assert (attributes.get(name) or "data:image/png;").startswith("data:image/png;")


def test_the_page_has_a_language_one_main_heading_and_no_skipped_level(outline: _Outline) -> None:
    assert outline.find("html") == [{"lang": "en"}]
    levels = [int(tag[1]) for tag, _ in outline.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_picture_has_a_text_and_ids_are_unique(outline: _Outline) -> None:
    assert all(image["alt"] for image in outline.find("img"))
    ids = [attributes["id"] for _, attributes in outline.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for svg in outline.find("svg"):
        assert svg.get("aria-hidden") == "true" or svg["aria-labelledby"] in ids


def test_every_header_of_a_table_has_a_scope(outline: _Outline) -> None:
    assert {header.get("scope") for header in outline.find("th")} == {"col", "row"}


def test_every_point_of_the_curve_is_in_its_table(page: str) -> None:
    for text in ("3.1\xa0%", "91.4\xa0%", "0.40\xa0%", "90.1 to 92.6\xa0%"):
        assert text in page


def test_the_lines_differ_without_colour(page: str, outline: _Outline) -> None:
    assert outline.find("circle")
    assert [rect for rect in outline.find("rect") if rect.get("class") == "mark"]
    assert re.search(r"\.scratch \.line \{ stroke-dasharray", page)


def test_text_of_the_results_is_escaped() -> None:
    hostile = '<img src=x onerror="alert(1)">'
    spec = {"charset": "<&'", "length": 3, "width": 60, "height": 20}
    setting = Setting(
        name=hostile, spec=spec, image_folder=hostile, labelled_images=3, renderer={hostile: "1"}
    )
    page = render_page(
        build_example(
            setting=setting,
            command=hostile,
            warnings=(hostile,),
            characters=(CharacterResult(character="<", accuracy=0.5, n=2),),
            pairs=(ConfusedPair(truth="<", predicted="&", count=1, fraction=0.5),),
        )
    )
    assert hostile not in page
    assert '<th scope="row" class="character">&lt;</th>' in page


def test_an_image_folder_has_no_protections_and_no_legibility() -> None:
    spec = {"charset": "0123456789", "length": 6, "min_length": 4, "width": 60, "height": 20}
    setting = Setting(name="mine", spec=spec, image_folder="mine", labelled_images=812, renderer={})
    page = render_page(build_example(setting=setting, protections=(), legibility=None))
    assert "812 labelled images" in page
    assert "4 to 6 per captcha" in " ".join(page.replace("\n", " ").split())
    assert "Not measured: protections" in page


def test_sections_without_content_are_left_out() -> None:
    page = render_page(
        build_example(warnings=(), pairs=(), hardest=(), easiest=(), fail_above=None)
    )
    for heading in ("Warnings", "Confused pairs", "Hardest for the attacker", "--fail-above"):
        assert heading not in page


def test_a_kept_limit_is_told(page: str) -> None:
    assert "Limit exceeded" in page
    assert "Limit kept" in render_page(build_example(is_above_limit=False))


def test_the_facts_tell_images_and_successes() -> None:
    values = [fact.value for fact in list_facts(build_example())]
    assert values == ["3.1\xa0%", "0", "370", "1,371,000"]


def test_a_rate_that_was_not_reached_is_not_an_estimate() -> None:
    results = build_example(
        curve=build_curve("scratch", {100: 0.0, 5_000: 0.002}),
        images_needed=build_needed(*[None] * 8),
    )
    assert [fact.value for fact in list_facts(results)][:2] == ["over 5,000", "over 5,000"]


def test_one_point_is_drawn() -> None:
    outline = parse(curve=build_curve("bundled", {0: 0.0}))
    assert len(outline.find("circle")) == 2  # a wide and a narrow chart


def test_a_self_trained_attacker_is_in_the_facts_and_in_the_chart() -> None:
    results = build_example()
    changed = results.model_copy(update={"curve": (*results.curve, build_self_trained(0.45))})
    fact = list_facts(changed)[0]
    assert fact.value.replace("\N{NO-BREAK SPACE}", " ") == "45.0 %"
    note = fact.note.replace("\N{NO-BREAK SPACE}", " ")
    assert note.endswith("; 3.1 % before training itself on 1,000 images")
    assert len(list_facts(changed)) == len(list_facts(results))
    page = render_page(changed)
    assert "Diamond" in page
    assert "0, and 1,000 without labels" in page
    assert "Diamond" not in render_page(results)
