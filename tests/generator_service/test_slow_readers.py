"""Clients that read datasets slowly or not at all, on real sockets."""

from __future__ import annotations

import json
import logging
import socket
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest

from generator_service.app import create_app
from generator_service.datasets.abortable_connection import AbortableConnection
from generator_service.datasets.dataset_streams import MAX_STREAMS
from generator_service.datasets.paced_response import Pace
from generator_service.rendering.render_options import RenderOptions
from generator_service.routes.dependencies import Services
from generator_service.settings import Settings
from generator_service.worker_pool import WorkerPool
from shared.captchas.spec import CaptchaSpec
from tests.serving import eventually, running

SPEC = CaptchaSpec()
BATCH_BYTES = 500_000
ENDLESS = 100_000
GET = "GET /dataset?count={} HTTP/1.1\r\nHost: a\r\n\r\n"
BODY = json.dumps({"spec": SPEC.to_dict(), "seed": 1, "count": ENDLESS})
POST = (
    "POST /internal/dataset HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    f"Content-Length: {len(BODY)}\r\n\r\n{BODY}"
)


class FakePool(WorkerPool):
    """Yields `count` batches at once, without worker processes."""

    active = 0

    async def warm_up(self) -> None:
        """Be ready."""

    async def render_png_batches(
        self, spec: CaptchaSpec, seed: int, start: int, count: int
    ) -> AsyncGenerator[list[tuple[str, bytes]]]:
        async for batch in self.render_grey_batches(spec, seed, start, count):
            yield [("0000", batch)]

    async def render_grey_batches(
        self, spec: CaptchaSpec, seed: int, start: int, count: int
    ) -> AsyncGenerator[bytes]:
        self.active += 1
        try:
            for _ in range(count):
                yield bytes(BATCH_BYTES)
        finally:
            self.active -= 1


@dataclass
class Generator:
    """A running generator."""

    client: httpx.Client
    pool: FakePool
    services: Services

    def request(self, request: str) -> socket.socket:
        """Send a request and return the connection, of which nothing is read."""
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        connection.settimeout(10)
        connection.connect((self.client.base_url.host, self.client.base_url.port))
        connection.sendall(request.encode())
        return connection

    def count_cut(self) -> int:
        """Return the counter of the metrics."""
        (line,) = [
            line
            for line in self.client.get("/metrics").text.splitlines()
            if line.startswith("generator_datasets_cut_total ")
        ]
        return int(float(line.split()[1]))


@contextmanager
def generator_with(pace: Pace, http: object = AbortableConnection) -> Iterator[Generator]:
    pool = FakePool(SPEC, RenderOptions(), 1)
    app = create_app(Settings.load(), pool, pace)
    with running(app, http=http) as client:
        yield Generator(client, pool, app.state.services)


def read_slowly(connection: socket.socket, pause_s: float) -> tuple[bytes, bool]:
    """Return the bytes until the end of the response, and whether the connection was reset."""
    content = bytearray()
    try:
        while not content.endswith(b"\r\n0\r\n\r\n") and (block := connection.recv(65_536)):
            content += block
            time.sleep(pause_s)
    except ConnectionResetError:
        return bytes(content), True
    return bytes(content), False


@pytest.mark.parametrize("is_internal", [False, True])
def test_stalled_readers_are_cut_and_their_places_are_free_at_once(
    is_internal: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with generator_with(Pace(0.5, 32_000)) as generator, caplog.at_level(logging.INFO):

        def fetch(is_internal: bool) -> httpx.Response:
            if not is_internal:
                return generator.client.get("/dataset", params={"count": 1})
            body = {"spec": SPEC.to_dict(), "count": 1, "seed": 1}
            return generator.client.post("/internal/dataset", json=body)

        services = generator.services
        streams = services.internal_streams if is_internal else services.streams
        request_text = POST if is_internal else GET.format(ENDLESS)
        stalled = [generator.request(request_text) for _ in range(MAX_STREAMS)]
        eventually(lambda: streams.active == MAX_STREAMS, 5, "all places are taken")
        assert fetch(is_internal).status_code == 503
        assert fetch(not is_internal).status_code == 200, "the others have places of their own"
        eventually(lambda: generator.count_cut() == MAX_STREAMS, 5, "all stalled readers are cut")
        assert streams.active == 0
        assert generator.pool.active == 0
        ninth = fetch(is_internal)
        assert ninth.status_code == 200
        assert len(ninth.content) > BATCH_BYTES
        for connection in stalled:
            with connection:
                _, was_reset = read_slowly(connection, 0)
                assert was_reset
    messages = [r for r in caplog.records if r.name == "generator_service.datasets.paced_response"]
    assert len(messages) == MAX_STREAMS
    assert all("for the client to read" in record.message for record in messages)
    assert not [r for r in caplog.records if r.levelno > logging.WARNING or r.exc_info]


def test_a_reader_that_drips_is_cut_although_it_never_stalls() -> None:
    with (
        generator_with(Pace(0.4, 50e6)) as generator,
        generator.request(GET.format(ENDLESS)) as connection,
    ):
        content, was_reset = read_slowly(connection, 0.01)  # at most 6.5 MB/s
        assert was_reset
        assert content.startswith(b"HTTP/1.1 200")
        eventually(lambda: generator.count_cut() == 1, 5, "the reader is counted")
        assert generator.pool.active == 0


def test_a_slow_reader_that_keeps_the_pace_gets_the_whole_archive() -> None:
    with (
        generator_with(Pace(0.5, 0.1e6)) as generator,
        generator.request(GET.format(12)) as connection,
    ):
        started = time.monotonic()
        content, was_reset = read_slowly(connection, 0.01)
        assert time.monotonic() - started > 0.7  # longer than the grace period
        assert not was_reset
        assert len(content) > 12 * BATCH_BYTES
        assert content.endswith(b"\r\n0\r\n\r\n")
        assert generator.count_cut() == 0


def test_a_server_that_cannot_abort_a_connection_still_frees_the_place() -> None:
    with (
        generator_with(Pace(0.3, 32_000), http="h11") as generator,
        generator.request(GET.format(ENDLESS)) as connection,
    ):
        eventually(lambda: generator.count_cut() == 1, 5, "the reader is cut")
        assert generator.services.streams.active == 0
        content, was_reset = read_slowly(connection, 0)
        assert not was_reset
        assert not content.endswith(b"\r\n0\r\n\r\n")
