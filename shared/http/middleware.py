"""ASGI middleware that assigns request ids, adds headers, and measures and logs responses."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, Literal

from shared.logs import request_id

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
RecordResponse = Callable[[str, int, float], None]
LogRequests = Literal["all", "problems"]
"""Which requests are logged. "problems": status 400 and above, or slower than a second.

Writing one log line takes about 5 % of the time of a prediction.
"""

log = logging.getLogger(__name__)

SECURITY_HEADERS = {
    # Browsers must not guess another type than the declared one.
    "X-Content-Type-Options": "nosniff",
    # An address can contain the text of a captcha.
    "Referrer-Policy": "no-referrer",
}
"""Headers of every response."""
_ENCODED_HEADERS = tuple(
    (name.lower().encode("ascii"), value.encode("ascii"))
    for name, value in SECURITY_HEADERS.items()
)
SLOW_S = 1.0
# The gateway requests it twice a second, and a 503 there is a normal response.
_READINESS_ROUTE = "/ready"
# The id goes into logs and headers unchanged.
_REQUEST_ID = re.compile(rb"[0-9A-Za-z._:-]{1,64}")


class RequestMiddleware:
    """Calls `record(route, status, seconds)` when a response is complete or aborted.

    The route is the declared path ("/predict"), never the requested one, so clients cannot create
    new metric labels. Unknown paths are counted as "other". The response carries the request's id
    in `X-Request-ID`: the client's, or a new one. It also has the SECURITY_HEADERS.

    A HEAD request gets the headers of GET, except for the paths `without_head`.
    """

    def __init__(
        self,
        app: App,
        record: RecordResponse,
        log_requests: LogRequests,
        without_head: Collection[str] = (),
    ) -> None:
        self._app = app
        self._without_head = without_head
        self._record = record
        self._log_all = log_requests == "all"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and record its response."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        answers_head = scope["path"] not in self._without_head
        if method == "HEAD" and answers_head:
            # A route answers as to GET; the server, whose own scope keeps HEAD, sends no body.
            scope = {**scope, "method": "GET"}
        started = time.perf_counter()
        status = 500
        current_id = _find_request_id(scope["headers"])
        request_id.set(current_id.decode("ascii"))

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message.get("headers", ())
                if status == 405 and answers_head:
                    headers = map(_allow_head, headers)
                message["headers"] = [
                    *headers,
                    *_ENCODED_HEADERS,
                    (b"x-request-id", current_id),
                ]
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            route = _find_route(scope)
            seconds = time.perf_counter() - started
            self._record(route, status, seconds)
            is_problem = (status >= 400 and route != _READINESS_ROUTE) or seconds > SLOW_S
            if self._log_all or is_problem:
                # Without the requested path and query, which can contain a label.
                fields = {
                    "method": method,
                    "route": route,
                    "status": status,
                    "ms": round(seconds * 1e3, 2),
                }
                log.info("answered", extra={"fields": fields})


def _allow_head(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Return the header `Allow` with HEAD if it has GET; other headers unchanged."""
    name, value = header
    methods = value.split(b", ")
    if name == b"allow" and b"GET" in methods and b"HEAD" not in methods:
        return name, value + b", HEAD"
    return header


def _find_route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", "other")


def _find_request_id(headers: list[tuple[bytes, bytes]]) -> bytes:
    for name, value in headers:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return value
    return secrets.token_hex(8).encode("ascii")
