"""The load generator, tested with servers that fail in known ways."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from inference_service.requests.form import parse_form
from tests.load import (
    BOUNDARY,
    Load,
    Report,
    Response,
    Shot,
    batch_shot,
    check_batch,
    check_prediction,
    predict_shot,
)
from tests.serving import free_port

Behave = Callable[[int], bytes | list[bytes] | None]
SHOTS = [predict_shot(b"an image", "2140")]


def response(text: str = "2140", status: int = 200, headers: str = "") -> bytes:
    body = f'{{"success":true,"prediction":"{text}","debug":"predicted"}}'
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return (head + body).encode()


class FakeServer:
    """Sends the response that `behave` returns for the number of a request, in one or more parts.

    None closes the connection.
    """

    def __init__(self, behave: Behave) -> None:
        self.requests = 0
        self.connections = 0
        self.url = ""
        self._behave = behave

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"Content-Length: (\d+)", head)
                assert length is not None
                await reader.readexactly(int(length[1]))
                sent = self._behave(self.requests)
                self.requests += 1
                if sent is None:
                    break
                parts = [sent] if isinstance(sent, bytes) else sent
                for part in parts:
                    writer.write(part)
                    await asyncio.sleep(0.002 * (len(parts) > 1))
                if b"connection: close" in parts[0]:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@contextmanager
def fake_server(behave: Behave) -> Iterator[FakeServer]:
    fake = FakeServer(behave)
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(fake.serve, "127.0.0.1", 0))
    fake.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield fake
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()


def test_a_closed_loop_counts_every_response_and_keeps_its_connections() -> None:
    with fake_server(lambda _: response()) as fake:
        report = Load(fake.url, SHOTS).closed(4, 0.3)
    assert report.answers == report.statuses[200] == fake.requests > 20
    assert fake.connections == 4
    assert not report.problems
    assert report.rate == pytest.approx(fake.requests / report.seconds)


def test_wrong_texts_and_statuses_are_counted_as_responses() -> None:
    kinds = (response(), response("2141"), response(status=503))
    with fake_server(lambda number: kinds[number % 3]) as fake:
        report = Load(fake.url, SHOTS).closed(1, 0.3)
    assert report.answers == fake.requests
    assert report.problems["wrong text"] == len(range(1, fake.requests, 3))
    assert report.statuses[503] == len(range(2, fake.requests, 3))
    assert report.problems.total() == report.problems["wrong text"] + report.statuses[503]


@pytest.mark.parametrize("loop", ["closed", "open"])
def test_a_response_that_cannot_be_checked_is_a_problem(loop: str) -> None:
    def check(shot: Shot, given: Response) -> str | None:
        raise KeyError("details")

    with fake_server(lambda _: response()) as fake:
        load = Load(fake.url, SHOTS, check)
        report = load.closed(2, 0.2) if loop == "closed" else load.open(50, 0.2)
    assert report.problems.total() == report.answers > 0


def test_a_dropped_connection_is_a_problem_without_a_response() -> None:
    with fake_server(lambda number: None if number % 5 == 4 else response()) as fake:
        report = Load(fake.url, SHOTS).closed(3, 0.3)
    dropped = fake.requests // 5
    assert report.problems == {"connection lost: closed": dropped}
    assert report.statuses[0] == dropped > 0
    assert report.answers == fake.requests - dropped


def test_a_missing_response_and_a_missing_server_are_problems() -> None:
    with fake_server(lambda _: b"") as fake:
        report = Load(fake.url, SHOTS, timeout_s=0.1).closed(1, 0.25)
    assert set(report.problems) == {"no response in time"}
    assert report.statuses[0] == fake.requests > 0 == report.answers
    report = Load(f"http://127.0.0.1:{free_port()}", SHOTS).closed(1, 0.05)
    assert all(problem.startswith("cannot connect") for problem in report.problems)
    assert report.problems.total() > 0 == report.answers


def test_after_connection_close_each_request_opens_a_new_connection() -> None:
    with fake_server(lambda _: response(headers="connection: close\r\n")) as fake:
        report = Load(fake.url, SHOTS).closed(3, 0.3)
    assert fake.connections == fake.requests == report.answers > 10
    assert not report.problems


def test_a_response_before_the_end_of_a_large_request_fails_that_request_alone() -> None:
    shot = predict_shot(b"x" * 8_000_000, "2140")
    early = response(status=502, headers="connection: close\r\n")
    answered = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        await reader.readuntil(b"\r\n\r\n")
        answered += 1
        writer.write(early)
        await asyncio.sleep(0.02)  # the request stays in the buffers of both sides
        writer.close()

    async def run() -> Report:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            load = Load(f"http://127.0.0.1:{port}", [shot], timeout_s=2)
            return await asyncio.to_thread(load.closed, 3, 0.5)

    report = asyncio.run(run())
    assert report.statuses == {502: answered}
    assert report.problems.total() == answered > 10


def test_a_response_in_parts_is_one_response() -> None:
    whole = response()
    with fake_server(lambda _: [whole[:10], whole[10:40], whole[40:]]) as fake:
        report = Load(fake.url, SHOTS).closed(2, 0.2)
    assert report.answers == fake.requests > 10
    assert not report.problems


def test_latencies_at_a_fixed_rate_count_from_the_scheduled_time() -> None:
    def stall_once(number: int) -> bytes:
        if number == 12:
            time.sleep(0.3)  # the whole server pauses, as in a garbage collection
        return response()

    with fake_server(stall_once) as fake:
        report = Load(fake.url, SHOTS).open(rate=50, seconds=1.0)  # low, for busy machines
    assert report.answers == fake.requests == pytest.approx(50, abs=25)
    assert not report.problems
    # All requests scheduled in these 0.3 s were late, not only one.
    assert sum(latency > 0.1 for latency in report.latencies_s) > 5
    assert report.percentile_ms(99) > 200
    assert report.percentile_ms(50) < 100


def test_stop_ends_a_load_early() -> None:
    with fake_server(lambda _: response()) as fake:
        load = Load(fake.url, SHOTS)
        threading.Timer(0.1, load.stop).start()
        assert load.closed(2, 30).seconds < 5


def test_percentiles_are_in_milliseconds() -> None:
    report = Report(latencies_s=[i / 1e3 for i in range(101)])
    assert report.percentile_ms(95) == pytest.approx(95)


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        (b'{"success":true,"prediction":"2140"}', 200, None),
        (b'{"success": true, "prediction": "2140"}', 200, None),
        (b'{"success":true,"prediction":"21402"}', 200, "wrong text"),
        (b'{"success":false,"prediction":"","debug":"2140"}', 200, "wrong text"),
        (b"busy", 503, "status 503: busy"),
    ],
)
def test_a_prediction_is_correct_with_status_200_and_the_expected_text(
    body: bytes, status: int, problem: str | None
) -> None:
    assert check_prediction(Shot(b"", "2140"), Response(status, b"", body)) == problem


def test_a_batch_contains_every_image_and_its_response_every_text_in_order() -> None:
    shot = batch_shot([("2140", b"first"), ("77", b"second")])
    head, _, body = shot.request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /predict/batch HTTP/1.1\r\n")
    assert parse_form(f"multipart/form-data; boundary={BOUNDARY}", body) == [b"first", b"second"]

    def check(*texts: str, status: int = 200) -> str | None:
        results = ", ".join(f'{{"prediction": "{text}"}}' for text in texts)
        return check_batch(shot, Response(status, b"", f'{{"results": [{results}]}}'.encode()))

    assert check("2140", "77") is None
    assert check("77", "2140") == "2 wrong texts"
    assert check("2140", "7") == "1 wrong texts"
    assert check("2140") == "1 results instead of 2"
    assert str(check("2140", "77", status=502)).startswith("status 502")
