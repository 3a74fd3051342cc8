"""A load generator: requests as fast as they are answered, or at a fixed rate.

The maintained load generators each lack something: wrk waits for a response before it sends the
next request, so it sends fewer requests to a server that hangs, and reports a latency that is too
low (coordinated omission); hey sends one body only. This one sends at scheduled times, measures
each latency from the scheduled time, and checks every response.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import numpy as np
import uvloop

BOUNDARY = "captcha-pipeline-load"
BATCH_SEPARATOR = " "  # no captcha contains it
WRONG_TEXTS = "wrong texts"


@dataclass(frozen=True)
class Shot:
    """A request as bytes, and the text that its response must contain."""

    request: bytes
    expected: str


@dataclass(frozen=True)
class Response:
    """A response; with status 0, the body describes why there is none."""

    status: int
    headers: bytes
    body: bytes


Check = Callable[[Shot, Response], str | None]
"""Returns None if the response is correct, otherwise a short description of the problem."""


@dataclass
class Report:
    """Results of a load."""

    seconds: float = 0.0
    latencies_s: list[float] = field(default_factory=list)
    """Of all complete responses; from the scheduled time if there is one."""
    statuses: Counter[int] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)

    @property
    def answers(self) -> int:
        """Number of complete responses, correct or not."""
        return len(self.latencies_s)

    @property
    def rate(self) -> float:
        """Responses per second."""
        return self.answers / self.seconds

    def percentile_ms(self, percent: float) -> float:
        """Return the latency that `percent` of the responses do not exceed, in milliseconds."""
        return float(np.percentile(self.latencies_s, percent)) * 1e3


def predict_shot(png: bytes, text: str, path: str = "/predict") -> Shot:
    """Return the request of the course's curl command: the image as multipart field `image`."""
    return _form_shot([png], text, path)


def batch_shot(captchas: Sequence[tuple[str, bytes]], path: str = "/predict/batch") -> Shot:
    """Return a request with several images as multipart fields `image`."""
    texts, pngs = zip(*captchas, strict=True)
    return _form_shot(pngs, BATCH_SEPARATOR.join(texts), path)


def _form_shot(pngs: Sequence[bytes], text: str, path: str) -> Shot:
    part_head = (
        f"--{BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="image"; filename="captcha.png"\r\n'
        "Content-Type: image/png\r\n\r\n"
    ).encode()
    parts = [part_head + png + b"\r\n" for png in pngs]
    body = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return Shot(head.encode() + body, text)


def check_prediction(shot: Shot, response: Response) -> str | None:
    """Require status 200 and the expected text."""
    if response.status != 200:
        return f"status {response.status}: {response.body[:120].decode('utf-8', 'replace')}"
    # The course's service has a space after the colon.
    compact = response.body.replace(b'": ', b'":')
    return None if b'"prediction":"%s"' % shot.expected.encode() in compact else "wrong text"


def check_batch(shot: Shot, response: Response) -> str | None:
    """Require status 200 and the expected text of each image, in order."""
    if response.status != 200:
        return f"status {response.status}: {response.body[:120].decode('utf-8', 'replace')}"
    texts = [result["prediction"] for result in json.loads(response.body)["results"]]
    expected = shot.expected.split(BATCH_SEPARATOR)
    if len(texts) != len(expected):
        return f"{len(texts)} results instead of {len(expected)}"
    wrong = sum(text != other for text, other in zip(texts, expected, strict=True))
    return f"{wrong} {WRONG_TEXTS}" if wrong else None


class _Stream(asyncio.Protocol):
    """One TCP connection, which receives one response at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._waiting: asyncio.Future[Response] | None = None

    @property
    def is_open(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._finish(Response(0, b"", f"connection lost: {exc or 'closed'}".encode()))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, mark, rest = self._buffer.partition(b"\r\n\r\n")
        if not mark:
            return
        fields = bytes(head).lower()
        _, _, after = fields.partition(b"content-length:")
        length = int(after.split(b"\r\n", 1)[0])
        if len(rest) < length:
            return
        response = Response(int(fields[9:12]), bytes(head), bytes(rest))
        self._buffer.clear()
        # HTTP/1.0 closes by default; the course's server uses it.
        if b"connection: close" in fields or fields.startswith(b"http/1.0"):
            self.close()
        self._finish(response)

    def send(self, data: bytes) -> asyncio.Future[Response]:
        self._waiting = asyncio.get_running_loop().create_future()
        self.transport.write(data)  # type: ignore[union-attr]
        return self._waiting

    def close(self) -> None:
        # Not `close`, which would first send the rest of a request that is already answered.
        if self.transport:
            self.transport.abort()

    def _finish(self, response: Response) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting and not waiting.done():
            waiting.set_result(response)


class _Connection:
    """A keep-alive connection that sends one request at a time."""

    def __init__(self) -> None:
        self._stream = _Stream()

    async def request(self, host: str, port: int, data: bytes, timeout_s: float) -> Response:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                # The server can close an idle connection at any time. Like every HTTP client,
                # open a new one if the connection is closed before the request is sent.
                if not self._stream.is_open:
                    # An object for each TCP connection: the end of an earlier one is reported late.
                    _, self._stream = await loop.create_connection(_Stream, host, port)
                return await self._stream.send(data)
        except TimeoutError:
            self.close()
            return Response(0, b"", b"no response in time")
        except OSError as error:
            return Response(0, b"", f"cannot connect: {error}".encode())

    def close(self) -> None:
        self._stream.close()


class Load:
    """Requests to one server until the time is over or `stop` is called."""

    def __init__(
        self, url: str, shots: Sequence[Shot], check: Check = check_prediction, *,
        timeout_s: float = 30.0,
    ) -> None:  # fmt: skip
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._shots = shots
        self._check = check
        self._timeout_s = timeout_s
        self._stopped = False
        self.report = Report()

    def stop(self) -> None:
        """End the load after the current requests. It can be called from any thread."""
        self._stopped = True

    def closed(self, connections: int, seconds: float) -> Report:
        """Send on each connection the next request after each response."""
        return uvloop.run(self._closed(connections, seconds))

    def open(self, rate: float, seconds: float, connections: int = 256) -> Report:
        """Send `rate` requests per second at random times, on up to `connections` connections."""
        return uvloop.run(self._open(rate, seconds, connections))

    async def _one(self, connection: _Connection, shot: Shot, due: float) -> None:
        response = await connection.request(self._host, self._port, shot.request, self._timeout_s)
        now = time.perf_counter()
        self.report.statuses[response.status] += 1
        problem = self._find_problem(shot, response) if response.status else response.body.decode()
        if problem:
            self.report.problems[problem] += 1
        if response.status:
            self.report.latencies_s.append(now - due)

    def _find_problem(self, shot: Shot, response: Response) -> str | None:
        try:
            return self._check(shot, response)
        except Exception as error:
            # A response that cannot be checked counts as a problem.
            return f"cannot be checked: {error!r}"

    async def _closed(self, connections: int, seconds: float) -> Report:
        started = time.perf_counter()
        end = started + seconds

        async def client(i: int) -> None:
            connection = _Connection()
            while not self._stopped and (now := time.perf_counter()) < end:
                await self._one(connection, self._shots[i % len(self._shots)], now)
                i += connections
            connection.close()

        await asyncio.gather(*(client(i) for i in range(connections)))
        self.report.seconds = time.perf_counter() - started
        return self.report

    async def _open(self, rate: float, seconds: float, connections: int) -> Report:
        idle = deque(_Connection() for _ in range(connections))
        free = asyncio.Semaphore(connections)
        tasks: set[asyncio.Task[None]] = set()
        loop = asyncio.get_running_loop()
        started = time.perf_counter()

        async def one(shot: Shot, due: float) -> None:
            async with free:  # the latency counts from `due`, so it includes this wait
                connection = idle.popleft()
                await self._one(connection, shot, due)
                idle.appendleft(connection)  # reuse the most recent connection first

        def send(shot: Shot, due: float) -> None:
            task = loop.create_task(one(shot, due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        def pace() -> None:
            # Many independent clients: exponentially distributed gaps (a Poisson process).
            gaps = random.Random(1)
            due, i = started, 0
            while not self._stopped and due < started + seconds:
                due += gaps.expovariate(rate)
                if (wait := due - time.perf_counter()) > 0:
                    time.sleep(wait)
                loop.call_soon_threadsafe(send, self._shots[i % len(self._shots)], due)
                i += 1

        # In a thread, because the timers of an event loop only have millisecond resolution.
        await asyncio.to_thread(pace)
        await asyncio.gather(*tasks)
        self.report.seconds = time.perf_counter() - started
        for connection in idle:
            connection.close()
        return self.report
