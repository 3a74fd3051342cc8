"""Every answer is counted, carries its request's id, and is logged if it tells something."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import pytest

from shared.middleware import ALL, PROBLEMS, ObservedApp


class Route:
    path = "/declared/{name}"


def ask(
    status: int,
    headers: Sequence[tuple[bytes, bytes]] = (),
    log_requests: str = PROBLEMS,
) -> tuple[list[tuple[str, int, float]], dict[bytes, bytes]]:
    """What was reported, and the answer's headers, for one request."""
    reports: list[tuple[str, int, float]] = []
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["route"] = Route()
        if status == 500:
            raise RuntimeError("broken")
        await send({"type": "http.response.start", "status": status, "headers": [(b"a", b"b")]})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/declared/2140", "headers": list(headers),
        "query_string": b"text=2140",
    }  # fmt: skip
    observed = ObservedApp(app, lambda *report: reports.append(report), log_requests)
    try:
        asyncio.run(observed(scope, None, send))  # type: ignore[arg-type]
    except RuntimeError:
        assert status == 500
    return reports, dict(sent[0]["headers"]) if sent else {}


def test_the_declared_route_and_the_status_are_reported() -> None:
    ((route, status, seconds),), _ = ask(204)
    assert (route, status) == ("/declared/{name}", 204)
    assert 0 < seconds < 5


def test_an_id_that_came_with_the_request_goes_back_with_the_answer() -> None:
    _, headers = ask(200, [(b"x-request-id", b"client.7:a_b-c")])
    assert headers[b"x-request-id"] == b"client.7:a_b-c"
    assert headers[b"a"] == b"b"


@pytest.mark.parametrize("bad", [b"", b"a b", b"x" * 65, b'{"a": 1}', b"\xff", b"a\nb"])
def test_an_id_that_could_upset_a_log_is_replaced(bad: bytes) -> None:
    _, headers = ask(200, [(b"x-request-id", bad)])
    assert headers[b"x-request-id"] != bad
    assert len(headers[b"x-request-id"]) == 16


def test_each_request_without_an_id_gets_a_new_one() -> None:
    assert ask(200)[1][b"x-request-id"] != ask(200)[1][b"x-request-id"]


@pytest.mark.parametrize(
    ("status", "log_requests", "lines"),
    [(200, PROBLEMS, 0), (404, PROBLEMS, 1), (500, PROBLEMS, 1), (200, ALL, 1)],
)
def test_problems_are_logged_and_everything_if_asked_for_but_never_a_label(
    caplog: pytest.LogCaptureFixture, status: int, log_requests: str, lines: int
) -> None:
    caplog.set_level(logging.INFO, "shared.middleware")
    ask(status, log_requests=log_requests)
    assert len(caplog.records) == lines
    for record in caplog.records:
        assert record.fields["status"] == status  # type: ignore[attr-defined]
        assert "2140" not in str(record.__dict__)
