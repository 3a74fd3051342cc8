"""The training view, followed in a browser while the trainer runs."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field

from playwright.sync_api import sync_playwright

from tests.e2e.browser import launch_chromium, watch_pages

_RUNNING = ("Waiting for the generator", "Fetching captchas", "Training in progress", "Evaluating")
_POLL_MS = 500
# The loss is the first of the two curves.
_COUNT_POINTS = "document.querySelector('svg.chart polyline')?.points.length ?? 0"


@dataclass
class FollowedTraining:
    """What the view showed from the start to the end of a training.

    Attributes:
        states: each state, in the order in which they appeared.
        loss_points: number of points of the loss curve, whenever it changed.
        correct_samples: correct predictions among the samples, whenever the number changed.
    """

    states: list[str] = field(default_factory=list)
    loss_points: list[int] = field(default_factory=list)
    correct_samples: list[int] = field(default_factory=list)


def follow_training(url: str, timeout_s: float) -> FollowedTraining | None:
    """Open the view and record it until the training has ended; None without a browser.

    Raises:
        AssertionError: if the training takes too long, or the page has an error.
    """
    followed = FollowedTraining()
    deadline = time.monotonic() + timeout_s
    with sync_playwright() as playwright:
        try:
            browser = launch_chromium(playwright)
        except FileNotFoundError:
            if os.environ.get("CI"):
                raise
            return None
        with browser, watch_pages(browser, url) as pages:
            # Before the trainer has written its first status.
            pages.expect_error("status of 404")
            page = pages.open("/#training")
            heading = page.get_by_test_id("training-state")
            while not followed.states or followed.states[-1] in _RUNNING:
                assert time.monotonic() < deadline, f"still running: {followed}"
                page.wait_for_timeout(_POLL_MS)
                if not heading.count():
                    continue
                for values, value in (
                    (followed.states, heading.inner_text()),
                    (followed.loss_points, page.evaluate(_COUNT_POINTS)),
                    (followed.correct_samples, page.locator(".gallery .right").count()),
                ):
                    if not values or values[-1] != value:
                        values.append(value)
    return followed
