"""Responses with clients of every pace, on a socket that takes as long as the test says."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator

import pytest
from starlette.types import Message

from generator_service.datasets.paced_response import DATASET_PACE, SLICE_BYTES, Pace, PacedResponse


class Response:
    """A response of some parts, and what became of it."""

    def __init__(self, parts: list[bytes], pace: Pace, rendering_s: float = 0.0) -> None:
        self.sent: list[Message] = []
        self.cuts = 0
        self.closed = False
        self._parts = parts
        self._rendering_s = rendering_s
        self._response = PacedResponse(
            self._render(), pace, self._count, media_type="application/zip", headers={"a": "b"}
        )

    async def _render(self) -> AsyncGenerator[bytes]:
        try:
            for part in self._parts:
                await asyncio.sleep(self._rendering_s)
                yield part
        finally:
            self.closed = True

    def _count(self) -> None:
        assert self.closed  # the place is free
        self.cuts += 1

    def send_to(self, seconds_per_message: float) -> None:
        """Send the response to a client that takes this long for each message of the body."""

        async def send(message: Message) -> None:
            if seconds_per_message and "body" in message:
                await asyncio.sleep(seconds_per_message)
            self.sent.append(message)

        async def receive() -> Message:
            await asyncio.sleep(60)
            raise AssertionError

        asyncio.run(self._response({"type": "http"}, receive, send))

    @property
    def is_complete(self) -> bool:
        return self.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


def test_a_client_may_pause_for_30_s_and_must_read_32_kb_per_second() -> None:
    assert Pace(30.0, 32_000.0) == DATASET_PACE
    assert DATASET_PACE.allowed_s(sent=0, waited_s=0) == 30
    assert DATASET_PACE.allowed_s(sent=0, waited_s=29) == 1
    assert DATASET_PACE.allowed_s(sent=320_000, waited_s=29) == 11
    # What was read quickly does not allow for a longer pause.
    assert DATASET_PACE.allowed_s(sent=320_000_000, waited_s=29) == 30


@pytest.mark.parametrize("size", [0, 1, SLICE_BYTES, SLICE_BYTES + 1, 3 * SLICE_BYTES])
def test_parts_of_any_size_are_sent_in_slices(size: int) -> None:
    parts = [bytes(i % 251 for i in range(size)), b"end"]
    response = Response(parts, Pace(5, 1e6))
    response.send_to(0)
    assert response.body == b"".join(parts)
    assert response.is_complete
    assert response.sent[0]["status"] == 200
    assert (b"a", b"b") in response.sent[0]["headers"]
    assert all(message["more_body"] for message in response.sent[1:-1])
    assert max(len(message.get("body", b"")) for message in response.sent) <= SLICE_BYTES
    assert response.cuts == 0


def test_a_client_that_takes_nothing_is_cut_once_and_logged_without_a_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    response = Response([b"x" * 10], Pace(0.1, 1e6))
    with caplog.at_level(logging.INFO):
        response.send_to(60)
    assert (response.body, response.cuts, response.closed) == (b"", 1, True)
    (record,) = [r for r in caplog.records if r.name == "generator_service.datasets.paced_response"]
    assert record.levelname == "WARNING"
    assert record.exc_info is None
    assert record.message == "cut a response after 0 bytes: waited 0.1 s for the client to read"


# A slice in 0.02 s is 3.3 MB/s. The grace period is over after 25 of them.
@pytest.mark.parametrize(("bytes_per_s", "complete"), [(0.1e6, True), (1e9, False)])
def test_a_client_must_be_as_fast_as_the_rate_after_the_grace_period(
    bytes_per_s: float, complete: bool
) -> None:
    response = Response([bytes(40 * SLICE_BYTES)], Pace(0.5, bytes_per_s))
    response.send_to(0.02)
    assert response.is_complete == complete
    assert response.cuts == (not complete)
    assert response.closed
    if not complete:
        assert 2 <= len(response.sent) <= 27


def test_the_time_of_rendering_does_not_count() -> None:
    response = Response([b"x"] * 6, Pace(0.1, 1e6), rendering_s=0.05)
    response.send_to(0)
    assert response.is_complete
    assert response.cuts == 0


def test_a_timeout_of_the_renderer_is_not_taken_for_a_slow_client() -> None:
    async def render() -> AsyncGenerator[bytes]:
        yield b"x"
        raise TimeoutError("rendering")

    async def run() -> None:
        response = PacedResponse(
            render(), Pace(5, 1e6), lambda: None, media_type="application/zip", headers={}
        )
        await response.stream_response(ignore)

    async def ignore(_: Message) -> None:
        pass

    with pytest.raises(TimeoutError, match="rendering"):
        asyncio.run(run())
