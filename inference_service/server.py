"""Uvicorn server that drains requests before it stops."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from inference_service.whole_responses import WholeResponses

KEEP_ALIVE_S = 60
"""The gateway closes idle connections to replicas after some seconds. If a replica closed one just
when the gateway uses it, a request too large to be sent again would fail."""


class DrainingServer(uvicorn.Server):
    """Keeps serving for `drain_s` seconds after SIGTERM, while `/ready` returns 503.

    The gateway needs a moment to detect that a replica stops, and requests that it sends until
    then are served. A second signal, or Ctrl-C, stops the server after the running requests.
    """

    def __init__(self, app: Starlette, host: str, port: int, drain_s: float) -> None:
        # RequestMiddleware logs the requests, and the loggers are configured already.
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                http=WholeResponses,
                access_log=False,
                server_header=False,
                log_config=None,
                timeout_keep_alive=KEEP_ALIVE_S,
            )
        )
        self._app = app
        self._drain_s = drain_s

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start uvicorn and freeze the garbage collector."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        # Modules, routes and the model exist until the end. Collections that traverse them every
        # few thousand requests would block all requests for 60 ms.
        gc.collect()
        gc.freeze()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Handle SIGTERM and SIGINT; uvicorn calls this."""
        if sig != signal.SIGTERM or self._app.state.is_draining or not self.started:
            super().handle_exit(sig, frame)
            return
        self._app.state.is_draining = True
        stop = super().handle_exit
        self._loop.call_soon_threadsafe(self._loop.call_later, self._drain_s, stop, sig, frame)
