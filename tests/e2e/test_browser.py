"""The pages of the browser report what a test must not overlook."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tests.e2e.browser import Pages, check_accessibility, save_screenshot, watch_pages
from tests.serving import running

BODIES = {
    "clean": "<h1>A page</h1>",
    "console": "<script>console.error('a console error')</script>",
    "uncaught": "<script>setTimeout(() => { throw new Error('an uncaught error') })</script>",
    "missing": "<img src='/missing.png' alt='missing'>",
    "elsewhere": "<img src='http://elsewhere.example/a.png' alt='elsewhere'>",
    "unlabelled": "<h1>A page</h1><img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>",
    "noise": "<h1>A page</h1><canvas width=600 height=400></canvas><script>"
    "const canvas = document.querySelector('canvas').getContext('2d');"
    "const image = canvas.createImageData(600, 400);"
    "image.data.forEach((_, i) => image.data[i] = i % 4 == 3 ? 255 : 256 * Math.random());"
    "canvas.putImageData(image, 0, 0)</script>",
}  # fmt: skip


async def show(request: Request) -> Response:
    body = BODIES.get(request.path_params["name"])
    if body is None:
        return Response(status_code=404)
    head = "<!doctype html><html lang=en><link rel=icon href=data:,><title>A page</title>"
    return HTMLResponse(f"{head}<main>{body}</main>")


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with running(Starlette(routes=[Route("/{name}", show)])) as client:
        yield str(client.base_url).rstrip("/")


@pytest.fixture
def local_pages(browser: Browser, origin: str) -> Iterator[Pages]:
    with watch_pages(browser, origin) as pages:
        yield pages


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("console", "a console error"),
        ("uncaught", "uncaught: .*an uncaught error"),
        ("missing", "404"),
        ("elsewhere", "request to another origin: http://elsewhere.example/a.png"),
    ],
)
def test_an_error_and_a_request_to_another_host_fail_the_test(
    browser: Browser, origin: str, name: str, problem: str
) -> None:
    with pytest.raises(AssertionError, match=problem), watch_pages(browser, origin) as pages:
        pages.open(f"/{name}")


def test_an_expected_error_does_not_fail_the_test(browser: Browser, origin: str) -> None:
    with watch_pages(browser, origin) as pages:
        pages.expect_error("status of 404")
        pages.open("/missing").wait_for_load_state("networkidle")
    assert pages.problems == []


def test_a_page_opens_with_the_language_width_and_colours_of_the_visitor(
    local_pages: Pages,
) -> None:
    page = local_pages.open("/clean", width=360, language="zh-CN", color_scheme="dark")
    assert page.evaluate("[innerWidth, navigator.language]") == [360, "zh-CN"]
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") is True


def test_an_image_without_a_description_is_inaccessible(local_pages: Pages) -> None:
    check_accessibility(local_pages.open("/clean"))
    with pytest.raises(AssertionError, match=r"image-alt \(critical\)"):
        check_accessibility(local_pages.open("/unlabelled"))


def test_a_screenshot_has_at_most_the_allowed_size(local_pages: Pages, tmp_path: Path) -> None:
    save_screenshot(local_pages.open("/clean", width=360, height=500), tmp_path / "new" / "a.png")
    with Image.open(tmp_path / "new" / "a.png") as image:
        assert image.size == (360, 500)
    page = local_pages.open("/noise", width=700, height=500)
    save_screenshot(page, tmp_path / "noise.png", max_bytes=500_000)
    with Image.open(tmp_path / "noise.png") as image:
        assert image.mode == "P"
    with pytest.raises(AssertionError, match=r"noise.png has [\d,]+ bytes, not 1,000"):
        save_screenshot(page, tmp_path / "noise.png", max_bytes=1000)
