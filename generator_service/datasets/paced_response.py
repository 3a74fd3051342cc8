"""Streamed responses that are cut when their clients read too slowly."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from fastapi.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from generator_service.datasets.abortable_connection import find_abort

log = logging.getLogger(__name__)

# The wait for the client is measured per slice. Parts of a dataset can have 50 MB.
SLICE_BYTES = 65_536


@dataclass(frozen=True)
class Pace:
    """The minimum pace of a client.

    Attributes:
        grace_s: how long a response waits for its client without sending anything, and how long it
            waits in total beyond the time that the rate allows.
        bytes_per_s: the lowest rate after that.
    """

    grace_s: float
    bytes_per_s: float

    def allowed_s(self, sent: int, waited_s: float) -> float:
        """Return how long the response may wait now, if it has waited before to send some bytes."""
        return self.grace_s + min(0.0, sent / self.bytes_per_s - waited_s)


# A trainer or a browser reads megabytes per second.
DATASET_PACE = Pace(grace_s=30.0, bytes_per_s=32_000.0)


class PacedResponse(StreamingResponse):
    """Sends the parts of a generator, and aborts the connection if the client is too slow.

    Only the time in which the server waits for the client counts, not the time of the generator.
    The generator is closed as soon as the response ends in any way.

    Args:
        parts: the body.
        pace: what the client must keep to.
        on_cut: called when the response is cut.
        media_type: the content type.
        headers: further headers.
    """

    def __init__(
        self,
        parts: AsyncGenerator[bytes],
        pace: Pace,
        on_cut: Callable[[], None],
        *,
        media_type: str,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(parts, media_type=media_type, headers=headers)
        self._parts = parts
        self._pace = pace
        self._on_cut = on_cut
        self._sent = 0
        self._waited_s = 0.0
        self._is_cut = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response, or a part of it."""
        await super().__call__(scope, receive, send)
        if self._is_cut and (abort := find_abort(scope)):
            abort()
            # uvicorn logs an error if the application returns before the connection is lost.
            await self.listen_for_disconnect(receive)

    async def stream_response(self, send: Send) -> None:
        """Send the response until it is complete or the client is too slow."""

        async def send_in_time(message: Message) -> None:
            for piece in _slice(message):
                await self._send_piece(send, piece)

        try:
            async with aclosing(self._parts):
                await super().stream_response(send_in_time)
        except _TooSlow:
            self._is_cut = True
            log.warning(
                "cut a response after %d bytes: waited %.1f s for the client to read",
                self._sent,
                self._waited_s,
            )
            self._on_cut()

    async def _send_piece(self, send: Send, piece: Message) -> None:
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._pace.allowed_s(self._sent, self._waited_s)):
                await send(piece)
        except TimeoutError as error:
            raise _TooSlow from error
        finally:
            self._waited_s += time.monotonic() - started
        self._sent += len(piece.get("body", b""))


class _TooSlow(Exception):
    """The client has not read for too long. It does not leave this file."""


def _slice(message: Message) -> Iterator[Message]:
    """Yield messages of at most SLICE_BYTES that together are this one."""
    body = message.get("body", b"")
    last = max(0, len(body) - 1) // SLICE_BYTES * SLICE_BYTES
    for start in range(0, last, SLICE_BYTES):
        yield {**message, "body": body[start : start + SLICE_BYTES], "more_body": True}
    yield {**message, "body": body[last:]} if last else message
