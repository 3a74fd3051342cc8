"""Pages in Debian's Chromium, which fail a test on errors and on requests to other hosts."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, Playwright, Request, sync_playwright

from tests.e2e.stack import Stack

CHROMIUM = "chromium"
MAX_SCREENSHOT_BYTES = 200_000
_SERIOUS = ("serious", "critical")
# `data:` and `blob:` addresses are part of the page itself.
_NETWORK_SCHEMES = ("http", "https", "ws", "wss")


class Pages:
    """Opens pages of one origin, and records what a test must not overlook.

    Attributes:
        problems: errors in the console, uncaught errors, and requests to other origins.
    """

    def __init__(self, browser: Browser, origin: str) -> None:
        self.problems: list[str] = []
        self._browser = browser
        self._origin = origin
        self._expected: list[str] = []

    def open(
        self,
        path: str = "/",
        *,
        width: int = 1440,
        height: int = 900,
        language: str = "en-US",
        color_scheme: Literal["light", "dark"] = "light",
        reduced_motion: Literal["reduce", "no-preference"] = "reduce",
    ) -> Page:
        """Open a page as a new visitor, without cookies, stored values or cached files.

        Args:
            path: path and query below the origin.
            width: of the window, in CSS pixels.
            height: of the window, in CSS pixels.
            language: of the browser, such as `zh-CN`.
            color_scheme: that the visitor prefers.
            reduced_motion: that the visitor prefers.
        """
        context = self._browser.new_context(
            base_url=self._origin,
            viewport={"width": width, "height": height},
            locale=language,
            color_scheme=color_scheme,
            reduced_motion=reduced_motion,
        )
        context.on("request", self._check_request)
        context.on("console", lambda message: message.type == "error" and self._add(message.text))
        context.on("weberror", lambda error: self._add(f"uncaught: {error.error}"))
        page = context.new_page()
        page.goto(path)
        return page

    def expect_error(self, pattern: str) -> None:
        """Accept errors that match this regular expression, for example while a service is down."""
        self._expected.append(pattern)

    def close(self) -> None:
        """Close all pages."""
        for context in self._browser.contexts:
            context.close()  # waits for the events that are under way

    def _check_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in _NETWORK_SCHEMES and f"{parts.scheme}://{parts.netloc}" != self._origin:
            self._add(f"request to another origin: {request.url}")

    def _add(self, problem: str) -> None:
        if not any(re.search(pattern, problem) for pattern in self._expected):
            self.problems.append(problem)


@contextmanager
def watch_pages(browser: Browser, origin: str) -> Iterator[Pages]:
    """Yield pages of an origin, and fail at the end if there were problems."""
    pages = Pages(browser, origin)
    try:
        yield pages
    finally:
        pages.close()
    assert not pages.problems, "\n".join(pages.problems)


def launch_chromium(playwright: Playwright) -> Browser:
    """Start Chromium without a window.

    Raises:
        FileNotFoundError: if it is not installed.
    """
    executable = shutil.which(CHROMIUM)
    if executable is None:
        raise FileNotFoundError(f"needs the browser {CHROMIUM}: apt-get install chromium")
    return playwright.chromium.launch(
        executable_path=executable,
        args=[
            "--no-sandbox",  # it does not work as root
            # Other hosts do not exist, so a test is the same with and without the internet.
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        ],
    )


# Not of the session: while Playwright runs, its thread has a running event loop, so that the tests
# of other modules could not call `asyncio.run`.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Chromium, or skip the test without it."""
    with sync_playwright() as playwright:
        try:
            browser = launch_chromium(playwright)
        except FileNotFoundError as error:
            if os.environ.get("CI"):
                pytest.fail(str(error))
            pytest.skip(str(error))
        with browser:
            yield browser


@pytest.fixture
def pages(stack: Stack, browser: Browser) -> Iterator[Pages]:
    """Yield pages of the gateway; errors and requests to other origins fail the test."""
    with watch_pages(browser, stack.url) as pages:
        yield pages


def check_accessibility(page: Page) -> None:
    """Fail if axe finds a serious or critical problem on a page."""
    violations = Axe().run(page).response["violations"]
    found = [
        f"{violation['id']} ({violation['impact']}): {violation['help']}: {node['html'][:200]}"
        for violation in violations
        if violation["impact"] in _SERIOUS
        for node in violation["nodes"]
    ]
    assert not found, "\n".join(found)


def save_screenshot(page: Page, path: Path, max_bytes: int = MAX_SCREENSHOT_BYTES) -> None:
    """Write the whole page as PNG, with 256 colours if it is too large otherwise.

    Raises:
        AssertionError: if it is too large even so.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path, full_page=True, animations="disabled", caret="hide")
    if path.stat().st_size > max_bytes:
        with Image.open(path) as image:
            reduced = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
        reduced.save(path, optimize=True)
    size_bytes = path.stat().st_size
    assert size_bytes <= max_bytes, f"{path.name} has {size_bytes:,} bytes, not {max_bytes:,}"
