from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import httpx
import pytest

from inference_service.page_files import PAGE_DIR, read_page
from shared.versions.training_status import TrainingState

FILES = sorted(path for path in PAGE_DIR.rglob("*") if path.is_file())
SCRIPTS = "\n".join(path.read_text() for path in FILES if path.suffix == ".js")
TEXTS = {
    name: json.loads((PAGE_DIR / "texts" / f"{name}.json").read_text()) for name in ("en", "zh")
}


def test_the_page_allows_nothing_from_another_origin_and_nothing_inline(
    client: httpx.Client,
) -> None:
    response = client.get("/")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_file_is_sent_once_and_then_revalidated(client: httpx.Client, path: Path) -> None:
    name = path.relative_to(PAGE_DIR).as_posix()
    route = "/" if name == "index.html" else f"/page/{name}"
    first = client.get(route)
    assert first.content == path.read_bytes()
    again = client.get(route, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["missing.js", "%2e%2e/app.py", "views", "index.html"])
def test_no_other_file_is_sent(client: httpx.Client, name: str) -> None:
    assert client.get(f"/page/{name}").status_code == 404


def test_files_of_editors_are_ignored(tmp_path: Path) -> None:
    for name in (
        "index.html",
        ".DS_Store",
        ".idea/a.xml",
        "views/.try.js.swp",
        "views/.vscode/a.js",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text("")
    assert list(read_page(tmp_path)) == [""]


def test_the_page_weighs_less_than_150_kb() -> None:
    assert sum(path.stat().st_size for path in FILES) < 150_000


def test_no_file_names_another_origin() -> None:
    found = [url for path in FILES for url in re.findall(r"https?://[\w.:/-]+", path.read_text())]
    # The name of SVG is not an address, and the operator port is named in a text.
    assert {url.rstrip(".") for url in found} == {
        "http://www.w3.org/2000/svg",
        "http://localhost:5001",
    }


def test_the_token_is_kept_in_the_tab_only() -> None:
    token = (PAGE_DIR / "token.js").read_text()
    assert re.findall(r'import { (\w+) } from "./storage.js"', token) == ["tab"]
    assert "tab = values(() => sessionStorage)" in (PAGE_DIR / "storage.js").read_text()


def test_only_one_file_sends_requests_to_the_service() -> None:
    # The texts are public, so that they are loaded without a token.
    fetching = {
        path.name for path in FILES if path.suffix == ".js" and "fetch(" in path.read_text()
    }
    assert fetching == {"token.js", "texts.js"}


def test_both_languages_have_the_same_texts_with_the_same_values() -> None:
    english, chinese = TEXTS["en"], TEXTS["zh"]
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        values = [sorted(re.findall(r"\{\w+\}", one)) for one in (text, chinese[key])]
        assert values[0] == values[1], key


def list_computed_keys() -> set[str]:
    """Return the keys that the scripts put together."""
    views = {path.stem for path in (PAGE_DIR / "views").glob("*.js")}
    views -= {"own_pictures", "series", "spoken_captcha"}  # parts of the view `try`
    figures = {"curves", "gallery", "confusions", "reliability", "network"}
    return (
        {f"nav.{view}" for view in views}
        | {f"{view}.{part}" for view in views for part in ("title", "lead")}
        | {f"training.state.{state}" for state in get_args(TrainingState)}
        | {"training.loss.empty", "training.accuracy.empty"}
        | {f"models.file.{figure}" for figure in figures}
    )


def test_the_texts_are_those_that_the_scripts_use() -> None:
    quoted = set(re.findall(r"\"([a-z_.]+)\"", SCRIPTS))
    used = (quoted & TEXTS["en"].keys()) | list_computed_keys()
    assert used == TEXTS["en"].keys()
    assert not set(re.findall(r"text\(\s*\"([^\"]+)\"", SCRIPTS)) - used
