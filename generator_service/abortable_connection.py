"""Connections that the application can abort without waiting for their clients."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_STATE_KEY = "abort_connection"
# struct linger: on, 0 s. Closing then discards what the kernel has not sent yet.
_DISCARD_UNSENT = struct.pack("ii", 1, 0)


class AbortableConnection(HttpToolsProtocol):
    """uvicorn's HTTP protocol, with a function in the state of every request that aborts it.

    ASGI has no message for this. uvicorn closes the connection of an incomplete response only when
    the client has read what is buffered, which a client that does not read never does.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection and pass its abort function on to the application."""
        super().connection_made(transport)

        def abort() -> None:
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DISCARD_UNSENT)
            transport.abort()

        # uvicorn copies this into the scope of every request.
        self.app_state = {**self.app_state, _STATE_KEY: abort}


def find_abort(scope: Any) -> Callable[[], None] | None:
    """Return the function that aborts the connection of an ASGI scope; None on other servers."""
    return cast("Callable[[], None] | None", scope.get("state", {}).get(_STATE_KEY))
