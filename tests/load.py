"""Load on a server of this machine: as fast as it answers, or at a fixed rate whatever it does.

The kept load generators each lack something needed here: wrk waits for an answer before it sends
again, so that a server that hangs is asked less often (coordinated omission) and looks better than
it is; hey sends one body only. This one sends at the times a schedule says, counts a latency from
the scheduled time, and looks at every answer.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import numpy as np
import uvloop

BOUNDARY = "captcha-pipeline-load"


@dataclass(frozen=True)
class Shot:
    """One request, as bytes on the wire, and what its answer must hold."""

    request: bytes
    expected: str


@dataclass(frozen=True)
class Answer:
    """One answer, or what went wrong on the way to it (status 0)."""

    status: int
    headers: bytes
    body: bytes


# Nothing if the answer is right, else a word for the report.
Judge = Callable[[Shot, Answer], str | None]


@dataclass
class Report:
    """What came of a load."""

    seconds: float = 0.0
    latencies_s: list[float] = field(default_factory=list)
    """Of all complete answers; from the scheduled time if there is one."""
    statuses: Counter[int] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)

    @property
    def answers(self) -> int:
        """Complete answers, right or wrong."""
        return len(self.latencies_s)

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.answers / self.seconds

    def percentile_ms(self, percent: float) -> float:
        """Latency that `percent` of the answers stay below, in milliseconds."""
        return float(np.percentile(self.latencies_s, percent)) * 1e3


def predict_shot(png: bytes, text: str, path: str = "/predict") -> Shot:
    """The course's curl line as bytes: the image as multipart field `image`."""
    body = (
        f"--{BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="image"; filename="captcha.png"\r\n'
        "Content-Type: image/png\r\n\r\n"
    ).encode() + png + f"\r\n--{BOUNDARY}--\r\n".encode()  # fmt: skip
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return Shot(head.encode() + body, text)


def judge_prediction(shot: Shot, answer: Answer) -> str | None:
    """Status 200 and the expected text."""
    if answer.status != 200:
        return f"status {answer.status}: {answer.body[:120].decode('utf-8', 'replace')}"
    # The course's way answers with a blank after the colon.
    compact = answer.body.replace(b'": ', b'":')
    return None if b'"prediction":"%s"' % shot.expected.encode() in compact else "wrong text"


class _Connection(asyncio.Protocol):
    """One keep-alive connection that sends one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._waiting: asyncio.Future[Answer] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._finish(Answer(0, b"", f"connection lost: {exc or 'closed'}".encode()))

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
        answer = Answer(int(fields[9:12]), bytes(head), bytes(rest))
        self._buffer.clear()
        # HTTP/1.0 closes unless asked not to; the course's server speaks it.
        if (b"connection: close" in fields or fields.startswith(b"http/1.0")) and self._transport:
            self._transport.close()
            self._transport = None
        self._finish(answer)

    def _finish(self, answer: Answer) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting and not waiting.done():
            waiting.set_result(answer)

    async def ask(self, host: str, port: int, request: bytes, timeout_s: float) -> Answer:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                # An idle connection may be closed by the server at any time: like every HTTP
                # client, a request on a connection found closed before sending opens a new one.
                if self._transport is None or self._transport.is_closing():
                    self._buffer.clear()
                    await loop.create_connection(lambda: self, host, port)
                self._waiting = loop.create_future()
                self._transport.write(request)  # type: ignore[union-attr]
                return await self._waiting
        except TimeoutError:
            self.close()
            return Answer(0, b"", b"no answer in time")
        except OSError as error:
            return Answer(0, b"", f"cannot connect: {error}".encode())

    def close(self) -> None:
        if self._transport:
            self._transport.abort()
            self._transport = None


class Load:
    """Requests to one server until a time is over or `stop` is called."""

    def __init__(
        self, url: str, shots: Sequence[Shot], judge: Judge = judge_prediction, *,
        timeout_s: float = 30.0,
    ) -> None:  # fmt: skip
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._shots = shots
        self._judge = judge
        self._timeout_s = timeout_s
        self._stopped = False
        self.report = Report()

    def stop(self) -> None:
        """Ends the load after the requests under way; from any thread."""
        self._stopped = True

    def closed(self, connections: int, seconds: float) -> Report:
        """Each connection asks again as soon as it was answered."""
        return uvloop.run(self._closed(connections, seconds))

    def open(self, rate: float, seconds: float, connections: int = 256) -> Report:
        """`rate` requests per second, at random times, on as many connections as it takes."""
        return uvloop.run(self._open(rate, seconds, connections))

    async def _one(self, connection: _Connection, shot: Shot, due: float) -> None:
        answer = await connection.ask(self._host, self._port, shot.request, self._timeout_s)
        now = time.perf_counter()
        self.report.statuses[answer.status] += 1
        problem = self._look_at(shot, answer) if answer.status else answer.body.decode()
        if problem:
            self.report.problems[problem] += 1
        if answer.status:
            self.report.latencies_s.append(now - due)

    def _look_at(self, shot: Shot, answer: Answer) -> str | None:
        try:
            return self._judge(shot, answer)
        except Exception as error:
            # An answer that the judge cannot read is wrong, not unseen.
            return f"cannot be judged: {error!r}"

    async def _closed(self, connections: int, seconds: float) -> Report:
        began = time.perf_counter()
        end = began + seconds

        async def client(i: int) -> None:
            connection = _Connection()
            while not self._stopped and (now := time.perf_counter()) < end:
                await self._one(connection, self._shots[i % len(self._shots)], now)
                i += connections
            connection.close()

        await asyncio.gather(*(client(i) for i in range(connections)))
        self.report.seconds = time.perf_counter() - began
        return self.report

    async def _open(self, rate: float, seconds: float, connections: int) -> Report:
        idle = deque(_Connection() for _ in range(connections))
        free = asyncio.Semaphore(connections)
        tasks: set[asyncio.Task[None]] = set()
        loop = asyncio.get_running_loop()
        began = time.perf_counter()

        async def one(shot: Shot, due: float) -> None:
            async with free:  # latency counts from `due`: waiting here is not hidden
                connection = idle.popleft()
                await self._one(connection, shot, due)
                idle.appendleft(connection)  # the warm one first

        def send(shot: Shot, due: float) -> None:
            task = loop.create_task(one(shot, due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        def pace() -> None:
            # Arrivals of many independent clients: exponential gaps (a Poisson process).
            gaps = random.Random(1)
            due, i = began, 0
            while not self._stopped and due < began + seconds:
                due += gaps.expovariate(rate)
                if (wait := due - time.perf_counter()) > 0:
                    time.sleep(wait)
                loop.call_soon_threadsafe(send, self._shots[i % len(self._shots)], due)
                i += 1

        # On a thread: the timers of an event loop tick in milliseconds, which would send in bursts.
        await asyncio.to_thread(pace)
        await asyncio.gather(*tasks)
        self.report.seconds = time.perf_counter() - began
        for connection in idle:
            connection.close()
        return self.report
