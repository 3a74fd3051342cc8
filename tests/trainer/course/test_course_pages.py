"""Both pages of the course name all steps, and show the same commands and pictures."""

from __future__ import annotations

import re

import pytest

from tests.test_readme import ROOT, list_commands
from trainer.course.command import COPY_COMMAND
from trainer.course.steps import STEPS

ENGLISH, CHINESE = PAGES = ("docs/course.md", "docs/course.zh-CN.md")
STEP_COMMAND = "docker compose run --rm trainer course "

pytestmark = pytest.mark.parametrize("page", PAGES)


def read_page(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def list_steps(page: str) -> list[str]:
    return [
        word
        for line in list_commands(page)
        if line.startswith(STEP_COMMAND)
        for word in line.removeprefix(STEP_COMMAND).split(" --")[0].split()
        if not word.startswith("--")
    ]


def list_pictures(page: str) -> list[str]:
    return re.findall(r"^!\[[^]]+\]\(([^)]+)\)$", read_page(page), re.MULTILINE)


def list_anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    without_code = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", without_code, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_step_has_its_command(page: str) -> None:
    assert set(list_steps(page)) == set(STEPS)


def test_the_command_that_copies_the_figures_out_is_the_one_that_the_steps_log(page: str) -> None:
    assert COPY_COMMAND in list_commands(page)


def test_the_page_shows_the_commands_pictures_and_formulas_of_the_english_one(page: str) -> None:
    assert list_commands(page) == list_commands(ENGLISH)
    assert list_pictures(page) == list_pictures(ENGLISH)
    formulas = r"^```math\n.*?^```"
    flags = re.MULTILINE | re.DOTALL
    assert re.findall(formulas, read_page(page), flags) == re.findall(
        formulas, read_page(ENGLISH), flags
    )


def test_internal_links_lead_to_files_and_headings(page: str) -> None:
    broken = []
    for link in re.findall(r"(?<!!)\[[^]]+\]\(([^)]+)\)", read_page(page)):
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        if not target.exists() or (
            anchor and anchor not in list_anchors(target.read_text("utf-8"))
        ):
            broken.append(link)
    assert not broken, f"{page} links to {', '.join(broken)}"


def test_every_picture_exists(page: str) -> None:
    missing = [name for name in list_pictures(page) if not (ROOT / "docs" / name).is_file()]
    assert not missing, (
        f"{page} shows pictures that are not in docs/: {', '.join(missing)};"
        " run `make course`, copy them out and commit them"
    )
