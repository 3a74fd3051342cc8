"""Responses are recorded, get an id and security headers; problems are logged without labels."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from shared.http import middleware
from shared.http.middleware import SLOW_S, LogRequests, RequestMiddleware
from shared.logs import request_id

SECURITY = {b"x-content-type-options": b"nosniff", b"referrer-policy": b"no-referrer"}


class Route:
    def __init__(self, path: str) -> None:
        self.path = path


@dataclass
class Seen:
    """What happened during one request."""

    records: list[tuple[str, int, float]] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    request_id: str = ""

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])


def request(
    status: int,
    headers: Sequence[tuple[bytes, bytes]] = (),
    *,
    log_requests: LogRequests = "problems",
    route: str | None = "/declared/{name}",
    kind: str = "http",
    with_headers: bool = True,
) -> Seen:
    """Send one request through the middleware; status 500 is an exception of the application."""
    seen = Seen()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.request_id = request_id.get()
        if route:
            scope["route"] = Route(route)
        if status == 500:
            raise RuntimeError("broken")
        start = {"type": "http.response.start", "status": status}
        await send(start | ({"headers": [(b"a", b"b")]} if with_headers else {}))
        await send({"type": "http.response.body", "body": b"x"})

    async def send(message: Any) -> None:
        seen.sent.append(message)

    scope = {
        "type": kind, "method": "POST", "path": "/declared/2140", "headers": list(headers),
        "query_string": b"text=2140",
    }  # fmt: skip
    wrapped = RequestMiddleware(app, lambda *record: seen.records.append(record), log_requests)
    try:
        asyncio.run(wrapped(scope, None, send))  # type: ignore[arg-type]
    except RuntimeError:
        assert status == 500
    else:
        assert status != 500
    return seen


# Records


def test_the_declared_route_and_the_status_are_recorded() -> None:
    ((route, status, seconds),) = request(204).records
    assert (route, status) == ("/declared/{name}", 204)
    assert 0 < seconds < 5


@pytest.mark.parametrize(
    ("method", "path", "seen"),
    [("HEAD", "/captcha.png", "GET"), ("HEAD", "/dataset", "HEAD"), ("POST", "/ping", "POST")],
)
def test_a_head_request_is_answered_as_get_unless_its_body_takes_minutes(
    caplog: pytest.LogCaptureFixture, method: str, path: str, seen: str
) -> None:
    methods, scope = [], {"type": "http", "method": method, "path": path, "headers": []}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        methods.append(scope["method"])
        await send({"type": "http.response.start", "status": 404})

    async def send(message: Any) -> None:
        pass

    with caplog.at_level(logging.INFO):
        wrapped = RequestMiddleware(app, lambda *_: None, "all", without_head=["/dataset"])
        asyncio.run(wrapped(scope, None, send))  # type: ignore[arg-type]
    assert methods == [seen]
    # The server still knows that it must not send a body.
    assert scope["method"] == method
    assert caplog.records[-1].fields["method"] == method  # type: ignore[attr-defined]


def test_an_unknown_path_is_recorded_as_other() -> None:
    ((route, status, _),) = request(404, route=None).records
    assert (route, status) == ("other", 404)


def test_an_exception_is_recorded_as_500_and_raised() -> None:
    ((route, status, _),) = request(500).records
    assert (route, status) == ("/declared/{name}", 500)


def test_other_connections_than_http_are_only_passed_on() -> None:
    seen = request(200, kind="websocket")
    assert seen.records == []
    assert seen.headers == {b"a": b"b"}
    assert seen.request_id == ""


# Request ids


@pytest.mark.parametrize("good", [b"client.7:a_b-c", b"x", b"x" * 64, b"AZaz09"])
def test_the_id_of_a_request_is_returned_with_the_response(good: bytes) -> None:
    seen = request(200, [(b"accept", b"id"), (b"x-request-id", good)])
    assert seen.headers == {b"a": b"b", b"x-request-id": good} | SECURITY
    assert seen.request_id == good.decode()
    assert seen.sent[1] == {"type": "http.response.body", "body": b"x"}


@pytest.mark.parametrize("bad", [b"", b"a b", b"x" * 65, b'{"a": 1}', b"\xff", b"a\nb", b"a\n"])
def test_an_id_that_is_unsafe_in_a_log_is_replaced(bad: bytes) -> None:
    seen = request(200, [(b"x-request-id", bad)])
    assert seen.headers[b"x-request-id"] != bad
    assert len(seen.headers[b"x-request-id"]) == 16
    assert seen.request_id == seen.headers[b"x-request-id"].decode()


def test_each_request_without_an_id_gets_a_new_one() -> None:
    ids = {request(200, [(b"other", b"abc")]).headers[b"x-request-id"] for _ in range(3)}
    assert len(ids) == 3
    assert b"abc" not in ids


@pytest.mark.parametrize("status", [200, 304, 404])
def test_every_response_has_the_security_headers_once(status: int) -> None:
    names = [name for name, _ in request(status).sent[0]["headers"]]
    assert sorted(names) == sorted([b"a", b"x-request-id", *SECURITY])


def test_a_response_without_headers_gets_the_id() -> None:
    seen = request(200, [(b"x-request-id", b"abc")], with_headers=False)
    assert seen.headers == {b"x-request-id": b"abc"} | SECURITY


# Log lines


@pytest.mark.parametrize(
    ("status", "route", "log_requests", "lines"),
    [
        (200, "/predict", "problems", 0),
        (399, "/predict", "problems", 0),
        (400, "/predict", "problems", 1),
        (404, None, "problems", 1),
        (500, "/predict", "problems", 1),
        # A normal answer while there is no model.
        (503, "/ready", "problems", 0),
        (503, "/predict", "problems", 1),
        (200, "/predict", "all", 1),
        (503, "/ready", "all", 1),
    ],
)
def test_problems_are_logged_or_every_request(
    caplog: pytest.LogCaptureFixture,
    status: int,
    route: str | None,
    log_requests: LogRequests,
    lines: int,
) -> None:
    caplog.set_level(logging.INFO, "shared.http.middleware")
    request(status, route=route, log_requests=log_requests)
    assert len(caplog.records) == lines
    for record in caplog.records:
        assert (record.levelname, record.getMessage()) == ("INFO", "answered")
        fields = dict(record.fields)  # type: ignore[attr-defined]
        assert 0 <= fields.pop("ms") < 5_000
        assert fields == {"method": "POST", "route": route or "other", "status": status}
        assert "2140" not in str(record.__dict__)


@pytest.mark.parametrize(("seconds", "lines"), [(0.5, 0), (1.0, 0), (1.25, 1)])
def test_a_request_slower_than_a_second_is_logged(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    seconds: float,
    lines: int,
) -> None:
    assert SLOW_S == 1.0
    caplog.set_level(logging.INFO, "shared.http.middleware")
    times = iter([10.0, 10.0 + seconds])
    monkeypatch.setattr(middleware.time, "perf_counter", lambda: next(times))
    seen = request(200, route="/ready")
    assert seen.records == [("/ready", 200, seconds)]
    assert len(caplog.records) == lines
    for record in caplog.records:
        assert record.fields["ms"] == 1250.0  # type: ignore[attr-defined]


def test_milliseconds_are_logged_with_two_digits(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "shared.http.middleware")
    times = iter([0.0, 0.00123456])
    monkeypatch.setattr(middleware.time, "perf_counter", lambda: next(times))
    request(200, log_requests="all")
    assert caplog.records[0].fields["ms"] == 1.23  # type: ignore[attr-defined]
