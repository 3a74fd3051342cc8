"""Both languages of the README show the same commands."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def list_commands(name: str) -> list[str]:
    """Return the lines of the shell blocks of a page, without comments."""
    blocks = re.findall(
        r"^```(?:sh|bash|shell)\n(.*?)^```",
        (ROOT / name).read_text("utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    lines = [re.sub(r"(^|\s+)#.*", "", line).rstrip() for line in "".join(blocks).splitlines()]
    return [line for line in lines if line]


def test_the_readme_shows_commands() -> None:
    assert "docker compose up" in list_commands("README.md")


def test_both_languages_show_the_same_commands() -> None:
    assert list_commands("README.zh-CN.md") == list_commands("README.md")


def test_make_targets_in_the_readme_exist() -> None:
    targets = set(
        re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    )
    used = set(
        re.findall(r"^make ([a-z0-9-]+)", "\n".join(list_commands("README.md")), re.MULTILINE)
    )
    assert used <= targets
