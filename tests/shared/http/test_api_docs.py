"""The API documentation needs no other host and no inline script or style."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from shared.http.api_docs import build_api_docs, declare_token
from tests.shared.http.test_static_files import request

ASSETS = {
    "swagger-ui-bundle.js": b"text/javascript; charset=utf-8",
    "swagger-ui.css": b"text/css; charset=utf-8",
    "favicon-32x32.png": b"image/png",
}


@pytest.fixture
def docs(tmp_path: Path) -> dict[str, Any]:
    for name in ASSETS:
        (tmp_path / name).write_text(f"contents of {name}")
    return build_api_docs("a <title>", tmp_path)


def test_the_page_refers_only_to_files_that_are_served(docs: dict[str, Any]) -> None:
    page = request(docs["docs"])[2].decode()
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert set(addresses) == docs.keys() - {"docs"}
    assert "<title>a &lt;title&gt;</title>" in page
    assert not re.search(r"<style|style=|<script>|onload=", page)


def test_the_page_forbids_other_hosts_and_inline_code(docs: dict[str, Any]) -> None:
    headers = request(docs["docs"])[1]
    policy = headers[b"content-security-policy"].decode()
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert "//" not in policy
    assert headers[b"content-type"] == b"text/html; charset=utf-8"


@pytest.mark.parametrize("name", ASSETS)
def test_a_file_of_swagger_ui_has_its_type(docs: dict[str, Any], name: str) -> None:
    _, headers, body = request(docs[f"docs/{name}"])
    assert body.decode() == f"contents of {name}"
    assert headers[b"content-type"] == ASSETS[name]


def test_the_start_script_reads_the_document_beside_the_page(docs: dict[str, Any]) -> None:
    script = request(docs["docs/start.js"])[2].decode()
    assert 'url: "openapi.json"' in script
    # Otherwise Swagger UI sends the address of the document to another host.
    assert "validatorUrl: null" in script


def test_the_document_offers_a_token_and_keeps_everything_else() -> None:
    schemas = {"Body": {"type": "object"}}
    document = declare_token({"paths": {"/ping": {}}, "components": {"schemas": schemas}})
    assert document["paths"] == {"/ping": {}}
    assert document["components"]["schemas"] == schemas
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert {} in document["security"], "without tokens at the gateway, none is needed"
