"""Files are sent with their type and an ETag that all replicas share."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest

from shared.http.static_files import StaticFile, format_etag, is_current

ETAG = f'"{hashlib.sha256(b"body").hexdigest()}"'


def request(
    file: StaticFile, *headers: tuple[bytes, bytes], method: str = "GET"
) -> tuple[int, dict[bytes, bytes], bytes]:
    """Send a request and return status, headers and body."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("a file needs no request body")

    scope = {"type": "http", "method": method, "headers": list(headers)}
    asyncio.run(file(scope, receive, send))
    start, body = sent
    return start["status"], dict(start["headers"]), body["body"]


def test_a_file_has_its_type_size_etag_and_own_headers() -> None:
    file = StaticFile(b"body", "text/css", {"Content-Security-Policy": "default-src 'none'"})
    assert request(file) == (
        200,
        {
            b"content-type": b"text/css",
            b"content-length": b"4",
            b"etag": ETAG.encode(),
            b"cache-control": b"no-cache",
            b"content-security-policy": b"default-src 'none'",
        },
        b"body",
    )


def test_a_client_that_has_the_file_gets_no_body() -> None:
    file = StaticFile(b"body", "text/css")
    status, headers, body = request(file, (b"if-none-match", ETAG.encode()))
    assert (status, body) == (304, b"")
    assert headers[b"etag"] == ETAG.encode()
    assert headers[b"cache-control"] == b"no-cache"
    assert b"content-length" not in headers
    assert request(file, (b"if-none-match", b'"other"'))[0] == 200


@pytest.mark.parametrize(
    ("if_none_match", "expected"),
    [
        ('"a"', True),
        ('"b", "a"', True),
        ('W/"a"', True),
        ("*", True),
        ("", False),
        ("a", False),
        ('"aa"', False),
    ],
)
def test_an_etag_is_found_among_those_of_the_client(if_none_match: str, expected: bool) -> None:
    assert is_current(format_etag("a"), if_none_match) is expected
