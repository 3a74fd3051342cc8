from __future__ import annotations

import hashlib

from inference_service.routes.revalidation import respond_unless_current

CONTENT = b"<h1>A report</h1>"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ALWAYS = {"etag": f'"{SHA256}"', "cache-control": "no-cache", "content-security-policy": "sandbox"}


def read_never() -> bytes:
    raise AssertionError("the file is read")


def test_a_client_without_the_file_gets_it_with_its_etag() -> None:
    policy = {"Content-Security-Policy": "sandbox"}
    response = respond_unless_current(lambda: CONTENT, SHA256, '"other"', "text/html", policy)
    assert (response.status_code, response.body) == (200, CONTENT)
    assert dict(response.headers).items() >= ALWAYS.items()
    assert response.headers["content-type"] == "text/html; charset=utf-8"


def test_a_client_that_has_the_file_gets_304_and_the_file_is_not_read() -> None:
    policy = {"Content-Security-Policy": "sandbox"}
    response = respond_unless_current(read_never, SHA256, f'"{SHA256}"', "text/html", policy)
    assert (response.status_code, response.body) == (304, b"")
    assert dict(response.headers).items() >= ALWAYS.items()
