"""Uvicorn, leaving without dropping anything."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from types import FrameType

import uvicorn
from starlette.applications import Starlette


class DrainingServer(uvicorn.Server):
    """Goes on answering for `drain_s` seconds after SIGTERM, while `/ready` says 503.

    A gateway needs a moment to notice that a replica leaves; what it sends until then is answered.
    A second signal, and Ctrl-C, end it at once, after the answers under way.
    """

    def __init__(self, app: Starlette, host: str, port: int, drain_s: float) -> None:
        # The observer logs requests; logging is set up already, for every logger alike.
        super().__init__(
            uvicorn.Config(app, host=host, port=port, access_log=False, log_config=None)
        )
        self._app = app
        self._drain_s = drain_s

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's; also remembers the loop that it runs on."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        # What is here now stays: modules, routes, the model. Looking through all of it for
        # garbage every few thousand requests would hold all others up for 60 ms.
        gc.collect()
        gc.freeze()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called by uvicorn for SIGTERM and SIGINT."""
        if sig != signal.SIGTERM or self._app.state.draining or not self.started:
            super().handle_exit(sig, frame)
            return
        self._app.state.draining = True
        end = super().handle_exit
        self._loop.call_soon_threadsafe(self._loop.call_later, self._drain_s, end, sig, frame)
