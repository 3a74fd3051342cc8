"""The client against a generator that is slow, restarts, lies or breaks off."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from shared.dataset_archive import NpzWriter
from shared.spec import CaptchaSpec
from trainer.client import ATTEMPTS, GeneratorClient, GeneratorError, Source

SPEC = CaptchaSpec(charset="ab", length=2, width=20, height=16)
SPEC_BODY = {
    "spec": SPEC.to_dict(),
    "fingerprint": SPEC.fingerprint,
    "drawing": {},
    "drawing_fingerprint": "0123456789abcdef",
}
SOURCE = Source(SPEC, {"captcha": "0"}, "drawing")


def archive(
    seed: int, start: int, count: int, spec: CaptchaSpec = SPEC, drawing: str = "drawing"
) -> bytes:
    writer = NpzWriter(spec, drawing, seed, start, count)
    pixels = bytes(i % 251 for i in range(count * spec.width * spec.height))
    texts = ("ab" if (start + i) % 2 else "ba" for i in range(count))
    return writer.add(pixels) + b"".join(writer.finish(texts))


Answer = Callable[[httpx.Request], httpx.Response]


def honest(request: httpx.Request) -> httpx.Response:
    query = request.url.params
    data = archive(int(query["seed"]), int(query["start"]), int(query["count"]))
    return httpx.Response(200, content=data)


class Generator:
    """Answers with each of `faults` once, then honestly; counts the requests."""

    def __init__(self, *faults: Answer) -> None:
        self.requests: list[httpx.Request] = []
        self._faults = list(faults)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._faults.pop(0)(request) if self._faults else honest(request)


def connect(generator: Generator, cache: Path) -> GeneratorClient:
    http = httpx.Client(base_url="http://generator", transport=httpx.MockTransport(generator))
    return GeneratorClient(http, cache, sleep=lambda _: None, captchas_per_request=4)


def cut_off(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=honest(request).content[:-200])


def broken_connection(request: httpx.Request) -> httpx.Response:
    def body() -> Iterator[bytes]:
        yield honest(request).content[:500]
        raise httpx.RemoteProtocolError("peer closed connection without complete message body")

    return httpx.Response(200, content=body())


def refused(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("connection refused")


def too_slow(_: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("timed out")


def restarting(_: httpx.Request) -> httpx.Response:
    return httpx.Response(503, json={"detail": "the render processes are starting"})


def flipped(request: httpx.Request) -> httpx.Response:
    data = bytearray(honest(request).content)
    data[200] ^= 1
    return httpx.Response(200, content=bytes(data))


def of_another_seed(request: httpx.Request) -> httpx.Response:
    query = request.url.params
    data = archive(int(query["seed"]) + 1, int(query["start"]), int(query["count"]))
    return httpx.Response(200, content=data)


def of_another_spec(request: httpx.Request) -> httpx.Response:
    query = request.url.params
    other = CaptchaSpec(charset="ba", length=2, width=20, height=16)
    data = archive(int(query["seed"]), int(query["start"]), int(query["count"]), other)
    return httpx.Response(200, content=data)


def drawn_by_another_release(request: httpx.Request) -> httpx.Response:
    query = request.url.params
    data = archive(int(query["seed"]), int(query["start"]), int(query["count"]), drawing="another")
    return httpx.Response(200, content=data)


def endless(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=(bytes(10_000) for _ in range(1_000)))


def not_gzip(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=b"x", headers={"content-encoding": "gzip"})


def an_error_page(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, text="<html>captive portal</html>")


FAULTS = [
    cut_off, broken_connection, refused, too_slow, restarting, flipped, of_another_seed,
    of_another_spec, drawn_by_another_release, endless, not_gzip,
    an_error_page,
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_is_tried_again_until_the_data_is_whole(tmp_path: Path, fault: Answer) -> None:
    generator = Generator(fault, fault)
    parts = list(connect(generator, tmp_path).fetch(SOURCE, 3, 4))
    assert [part.texts for part in parts] == [["ba", "ab", "ba", "ab"]]
    assert len(generator.requests) == 3


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_that_stays_ends_in_an_error_and_leaves_no_file(
    tmp_path: Path, fault: Answer
) -> None:
    generator = Generator(*[fault] * 100)
    with pytest.raises(GeneratorError, match=f"gave up after {ATTEMPTS} attempts"):
        list(connect(generator, tmp_path).fetch(SOURCE, 3, 4))
    assert len(generator.requests) == ATTEMPTS
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_refusal_is_not_tried_again_and_is_told(tmp_path: Path) -> None:
    generator = Generator(lambda _: httpx.Response(422, json={"detail": "count: too many"}))
    with pytest.raises(GeneratorError, match=r"422.*count: too many"):
        list(connect(generator, tmp_path).fetch(SOURCE, 3, 4))
    assert len(generator.requests) == 1


def test_a_dataset_is_fetched_in_parts_and_kept(tmp_path: Path) -> None:
    generator = Generator()
    client = connect(generator, tmp_path)
    first = [part.texts for part in client.fetch(SOURCE, 3, 10)]
    assert [len(texts) for texts in first] == [4, 4, 2]
    assert len(generator.requests) == 3
    assert [part.texts for part in client.fetch(SOURCE, 3, 10)] == first
    assert len(generator.requests) == 3


def test_after_a_break_only_the_missing_parts_are_fetched(tmp_path: Path) -> None:
    generator = Generator(honest, *[refused] * ATTEMPTS)
    client = connect(generator, tmp_path)
    with pytest.raises(GeneratorError):
        list(client.fetch(SOURCE, 3, 8))
    generator.requests.clear()
    assert len(list(client.fetch(SOURCE, 3, 8))) == 2
    assert [request.url.params["start"] for request in generator.requests] == ["4"]


def test_a_damaged_part_in_the_cache_is_fetched_again(tmp_path: Path) -> None:
    generator = Generator()
    client = connect(generator, tmp_path)
    list(client.fetch(SOURCE, 3, 4))
    (path,) = tmp_path.rglob("*.npz")
    path.write_bytes(path.read_bytes()[:-50])
    assert len(list(client.fetch(SOURCE, 3, 4))) == 1
    assert len(generator.requests) == 2


def test_another_drawing_never_reuses_the_cache(tmp_path: Path) -> None:
    generator = Generator()
    client = connect(generator, tmp_path)
    list(client.fetch(SOURCE, 3, 4))
    with pytest.raises(GeneratorError, match="is of another dataset"):
        list(client.fetch(Source(SPEC, {}, "newer"), 3, 4))
    assert len(generator.requests) == 1 + ATTEMPTS


def test_it_waits_for_a_generator_that_starts_late(tmp_path: Path) -> None:
    ready = httpx.Response(200, json={"status": "ready"})
    generator = Generator(
        refused, restarting, lambda _: ready, lambda _: httpx.Response(200, json=SPEC_BODY)
    )
    assert connect(generator, tmp_path).wait_ready(5).spec == SPEC
    assert len(generator.requests) == 4


def test_a_generator_that_never_comes_is_named(tmp_path: Path) -> None:
    generator = Generator(*[refused] * 1_000_000)
    with pytest.raises(
        GeneratorError, match=r"http://generator.* within 0.05 s: connection refused"
    ):
        connect(generator, tmp_path).wait_ready(0.05)


def test_a_generator_that_restarts_between_two_questions_is_waited_for(tmp_path: Path) -> None:
    ready = httpx.Response(200, json={"status": "ready"})
    generator = Generator(
        lambda _: ready, restarting, lambda _: ready, lambda _: httpx.Response(200, json=SPEC_BODY)
    )
    assert connect(generator, tmp_path).wait_ready(5).spec == SPEC


def test_it_asks_at_least_once_and_clears_only_what_was_abandoned(tmp_path: Path) -> None:
    directory = tmp_path / f"{SPEC.fingerprint}-drawing" / "3"
    directory.mkdir(parents=True)
    for name, age_s in (("old.part", 7200), ("new.part", 5)):
        (directory / name).touch()
        os.utime(directory / name, (time.time() - age_s,) * 2)
    list(connect(Generator(), tmp_path).fetch(SOURCE, 3, 4))
    assert sorted(path.name for path in directory.iterdir()) == ["0-4.npz", "new.part"]
    with pytest.raises(GeneratorError, match="connection refused"):
        connect(Generator(refused), tmp_path).wait_ready(0)


def test_a_spec_that_cannot_be_is_refused(tmp_path: Path) -> None:
    for wrong in ({"spec": {"charset": ""}}, {"drawing_fingerprint": "../../etc"}):
        body = SPEC_BODY | wrong
        answers = [httpx.Response(200), httpx.Response(200, json=body)]
        generator = Generator(*[lambda _, answer=answer: answer for answer in answers])
        with pytest.raises(GeneratorError, match="spec cannot be used"):
            connect(generator, tmp_path).wait_ready(5)
