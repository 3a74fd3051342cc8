"""An ASGI layer that reports every answer: route, status and seconds."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Report = Callable[[str, int, float], None]


class ObservedApp:
    """Calls `report(route, status, seconds)` when an answer is complete or broken off.

    The route is the declared path ("/predict"), never the one asked for, so that a stranger
    cannot make up new names for a metric; unknown paths are all called "other".
    """

    def __init__(self, app: App, report: Report) -> None:
        self._app = app
        self._report = report

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on and watches the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._report(route, status, time.perf_counter() - began)
