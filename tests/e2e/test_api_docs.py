"""The API documentation of both services, without the internet."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.e2e.browser import Pages


@pytest.mark.parametrize(
    ("path", "schema"),
    [("/docs", "/openapi.json"), ("/captcha/docs", "/captcha/openapi.json")],
)
def test_the_page_shows_every_operation_of_the_document(
    client: httpx.Client, first_prediction: dict[str, Any], pages: Pages, path: str, schema: str
) -> None:
    paths = client.get(schema).json()["paths"]
    expected = sorted(path for path, methods in paths.items() for _ in methods)
    shown = pages.open(path).locator(".opblock-summary-path")
    expect(shown).to_have_count(len(expected))
    # Swagger UI inserts invisible spaces where a path can be wrapped.
    assert sorted(re.sub(r"\s|\u200b", "", text) for text in shown.all_inner_texts()) == expected


def test_a_captcha_can_be_requested_on_the_page(
    first_prediction: dict[str, Any], pages: Pages
) -> None:
    page = pages.open("/captcha/docs")
    operation = page.locator(".opblock", has=page.get_by_text("/captcha.png", exact=True))
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table img")).to_be_visible()
    image = operation.locator(".live-responses-table img")
    expect(image).to_have_js_property("complete", True)
    assert image.evaluate("image => image.naturalWidth") == 160
