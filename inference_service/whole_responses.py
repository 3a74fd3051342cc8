"""Connections that send header and body of a response together."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_MAX_JOINED_BYTES = 65_536


class WholeResponses(HttpToolsProtocol):
    """uvicorn's HTTP protocol, with one write for what is sent in one pass of the event loop.

    uvicorn writes header and body one after the other. If a replica is killed in between, the
    gateway has sent the header to the client already, and cannot send the request to another
    replica. It happened to one of 15,000 requests while replicas were killed.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection."""
        super().connection_made(transport)
        self.transport = JoinedWrites(transport, self.loop)  # type: ignore[assignment]


class JoinedWrites:
    """A transport that joins all writes until the event loop continues."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Send data, after the current pass of the event loop; large data at once.

        Joining large data would copy it for each client, and keep it until the client has read it.
        """
        if len(data) > _MAX_JOINED_BYTES:
            self._flush()
            self._transport.write(data)
            return
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def close(self) -> None:
        """Send what was written, and close the connection."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._parts:
            data = b"".join(self._parts)
            self._parts.clear()
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        """Return anything else of the transport."""
        return getattr(self._transport, name)
