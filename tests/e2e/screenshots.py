"""Screenshots of the page for the documentation.

With the services running: `python -m tests.e2e.screenshots http://127.0.0.1:5001`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Literal

from playwright.sync_api import sync_playwright

from tests.e2e.browser import launch_chromium, save_screenshot, watch_pages

_DIRECTORY = Path("docs/page")
VIEWS = ("try", "human", "training", "models", "audits", "api")
_SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def main() -> None:
    """Write `<view>-<scheme>.png` for every view."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    options = parser.parse_args()
    with (
        sync_playwright() as playwright,
        launch_chromium(playwright) as browser,
        watch_pages(browser, options.url) as pages,
    ):
        for view in VIEWS:
            for scheme in _SCHEMES:
                page = pages.open(f"/#{view}", width=1120, height=640, color_scheme=scheme)
                page.wait_for_load_state("networkidle")
                reports = page.get_by_role("button", name="Open")
                if view == "audits" and reports.count():
                    reports.first.click()
                    page.frame_locator("iframe").locator("h1").wait_for()
                save_screenshot(page, _DIRECTORY / f"{view}-{scheme}.png")


if __name__ == "__main__":
    main()
