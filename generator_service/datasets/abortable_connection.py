"""Connections that show how fast their clients read, and that the application can abort."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_STATE_KEY = "abort_connection"
# struct linger: on, 0 s. Closing then discards what the kernel has not sent yet.
_DISCARD_UNSENT = struct.pack("ii", 1, 0)
# By default the kernel keeps up to 4 MB, and accepts more only when a third of that is free. So it
# would seem that a client of 40 kB/s reads nothing for more than half a minute.
_MAX_UNSENT_BYTES = 131_072


class AbortableConnection(HttpToolsProtocol):
    """uvicorn's HTTP protocol, with a function in the state of every request that aborts it.

    ASGI has no message for this. uvicorn closes the connection of an incomplete response only when
    the client has read what is buffered, which a client that does not read never does.

    The application's `send` waits while more than 128 kB are unsent in the kernel's buffer.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection and pass its abort function on to the application."""
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        with contextlib.suppress(OSError):  # a kernel without this option
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _MAX_UNSENT_BYTES)

        def abort() -> None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DISCARD_UNSENT)
            transport.abort()

        # uvicorn copies this into the scope of every request.
        self.app_state = {**self.app_state, _STATE_KEY: abort}


def find_abort(scope: Any) -> Callable[[], None] | None:
    """Return the function that aborts the connection of an ASGI scope; None on other servers."""
    return cast("Callable[[], None] | None", scope.get("state", {}).get(_STATE_KEY))
