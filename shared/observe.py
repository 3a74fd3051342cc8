"""An ASGI layer that gives every request an id, and reports and logs its answer."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from shared.logs import request_id

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Report = Callable[[str, int, float], None]

log = logging.getLogger(__name__)

# Which answers get a line in the log: all, or those with a status of 400 and above and the slow
# ones. A line costs about as much as a twentieth of a prediction.
ALL, PROBLEMS = LOG_CHOICES = ("all", "problems")
SLOW_S = 1.0
# Asked twice a second, and "no" is an answer, not a problem.
_READINESS = "/ready"
# What an id from outside may look like: it goes into logs and headers as it is.
_REQUEST_ID = re.compile(rb"[0-9A-Za-z._:-]{1,64}")


class ObservedApp:
    """Calls `report(route, status, seconds)` when an answer is complete or broken off.

    The route is the declared path ("/predict"), never the one asked for, so that a stranger
    cannot make up new names for a metric; unknown paths are all called "other". The answer
    carries the request's id in `X-Request-ID`: the one it came with, or a new one.
    """

    def __init__(self, app: App, report: Report, log_requests: str = PROBLEMS) -> None:
        self._app = app
        self._report = report
        self._log_all = log_requests == ALL

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on and watches the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500
        identity = _identity(scope["headers"])
        request_id.set(identity.decode("ascii"))

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", identity)]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            seconds = time.perf_counter() - began
            self._report(route, status, seconds)
            is_problem = (status >= 400 and route != _READINESS) or seconds > SLOW_S
            if self._log_all or is_problem:
                # Neither path nor query: they can hold a label.
                fields = {
                    "method": scope["method"],
                    "route": route,
                    "status": status,
                    "ms": round(seconds * 1e3, 2),
                }
                log.info("answered", extra={"fields": fields})


def _identity(headers: list[tuple[bytes, bytes]]) -> bytes:
    for name, value in headers:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return value
    return secrets.token_hex(8).encode("ascii")
