"""The client against a generator that is slow, restarts, sends wrong data or disconnects."""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.captchas.dataset_archive import NpzWriter
from shared.captchas.effects import Effects
from shared.captchas.spec import CaptchaSpec
from shared.http.schemas import PicturesBody
from trainer.data import generator_client
from trainer.data.dataset_requests import CaptchaSource, DatasetRequest
from trainer.data.generator_client import ATTEMPTS, GeneratorClient
from trainer.errors import GeneratorError

SPEC = CaptchaSpec(charset="ab", length=2, width=20, height=16)
SPEC_BODY = {
    "spec": SPEC.to_dict(),
    "fingerprint": SPEC.fingerprint,
    "renderer": {"captcha": "0.7.1"},
    "renderer_fingerprint": "0123456789abcdef",
}
SOURCE = CaptchaSource(SPEC, {"captcha": "0.7.1"}, "renderer")
# Bytes of the pixels of a captcha, of its label and an allowance.
CAPTCHA_BYTES = 20 * 16 + 4 * 2 + 64


def request_of(
    count: int, start: int = 0, seed: int = 3, source: CaptchaSource = SOURCE
) -> DatasetRequest:
    return DatasetRequest("train", "current", source, seed, start, count)


def archive(
    seed: int, start: int, count: int, spec: CaptchaSpec = SPEC, renderer: str = "renderer"
) -> bytes:
    writer = NpzWriter(spec, renderer, seed, start, count)
    pixels = bytes(i % 251 for i in range(count * spec.width * spec.height))
    texts = ("ab" if (start + i) % 2 else "ba" for i in range(count))
    return writer.add(pixels) + b"".join(writer.finish(texts))


Handler = Callable[[httpx.Request], httpx.Response]


def read_body(request: httpx.Request) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(request.content)
    return body


def send_dataset(request: httpx.Request) -> httpx.Response:
    query = read_body(request)
    data = archive(int(query["seed"]), int(query["start"]), int(query["count"]))
    return httpx.Response(200, content=data)


def send_ready(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"status": "ready"})


def send_spec(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json=SPEC_BODY)


class Generator:
    """Handles each of the first requests with one of `handlers`, and sends datasets afterwards."""

    def __init__(self, *handlers: Handler) -> None:
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []
        self._handlers = list(handlers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        handler = self._handlers.pop(0) if self._handlers else send_dataset
        return handler(request)

    @property
    def paths(self) -> list[str]:
        return [request.url.path for request in self.requests]


def connect(generator: Generator, cache: Path) -> GeneratorClient:
    http = httpx.Client(base_url="http://generator", transport=httpx.MockTransport(generator))
    return GeneratorClient(http, cache, sleep=generator.pauses.append, captchas_per_part=4)


def list_files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.rglob("*") if path.is_file())


def truncated(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=send_dataset(request).content[:-200])


def disconnected(request: httpx.Request) -> httpx.Response:
    def body() -> Iterator[bytes]:
        yield send_dataset(request).content[:500]
        raise httpx.RemoteProtocolError("peer closed connection without complete message body")

    return httpx.Response(200, content=body())


def cut_by_the_generator(request: httpx.Request) -> httpx.Response:
    def body() -> Iterator[bytes]:
        yield send_dataset(request).content[:500]
        raise httpx.ReadError("[Errno 104] Connection reset by peer")

    return httpx.Response(200, content=body())


def connection_refused(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("connection refused")


def timed_out(_: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("timed out")


def restarting(_: httpx.Request) -> httpx.Response:
    return httpx.Response(503, json={"detail": "the workers are starting"})


def failing(_: httpx.Request) -> httpx.Response:
    return httpx.Response(500, text="Internal Server Error")


def bit_flipped(request: httpx.Request) -> httpx.Response:
    data = bytearray(send_dataset(request).content)
    data[200] ^= 1
    return httpx.Response(200, content=bytes(data))


def of_another_seed(request: httpx.Request) -> httpx.Response:
    query = read_body(request)
    data = archive(int(query["seed"]) + 1, int(query["start"]), int(query["count"]))
    return httpx.Response(200, content=data)


def of_another_start(request: httpx.Request) -> httpx.Response:
    query = read_body(request)
    data = archive(int(query["seed"]), int(query["start"]) + 1, int(query["count"]))
    return httpx.Response(200, content=data)


def of_another_count(request: httpx.Request) -> httpx.Response:
    query = read_body(request)
    data = archive(int(query["seed"]), int(query["start"]), int(query["count"]) - 1)
    return httpx.Response(200, content=data)


def of_another_spec(request: httpx.Request) -> httpx.Response:
    query = read_body(request)
    other = CaptchaSpec(charset="ba", length=2, width=20, height=16)
    data = archive(int(query["seed"]), int(query["start"]), int(query["count"]), other)
    return httpx.Response(200, content=data)


def of_another_renderer(request: httpx.Request) -> httpx.Response:
    query = read_body(request)
    data = archive(int(query["seed"]), int(query["start"]), int(query["count"]), renderer="other")
    return httpx.Response(200, content=data)


def endless(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=(bytes(10_000) for _ in range(1_000)))


def not_gzip(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=b"x", headers={"content-encoding": "gzip"})


def html_page(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, text="<html>captive portal</html>")


FAULTS = [
    truncated, disconnected, cut_by_the_generator, connection_refused, timed_out, restarting,
    failing, bit_flipped,
    of_another_seed, of_another_start, of_another_count, of_another_spec, of_another_renderer,
    endless, not_gzip, html_page,
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_faulty_response_is_requested_again_until_the_data_is_complete(
    tmp_path: Path, fault: Handler
) -> None:
    generator = Generator(fault, fault)
    parts = list(connect(generator, tmp_path).fetch(request_of(4)))
    assert [part.texts for part in parts] == [["ba", "ab", "ba", "ab"]]
    assert len(generator.requests) == 3
    assert list_files(tmp_path) == ["0-4.npz"]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_lasting_fault_is_an_error_and_leaves_no_file(tmp_path: Path, fault: Handler) -> None:
    generator = Generator(*[fault] * 100)
    with pytest.raises(GeneratorError, match=r"^gave up after 8 attempts: .+"):
        list(connect(generator, tmp_path).fetch(request_of(4)))
    assert len(generator.requests) == ATTEMPTS == 8
    assert list_files(tmp_path) == []


def test_the_pauses_between_attempts_double_up_to_15_seconds(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    generator = Generator(*[restarting] * 100)
    with caplog.at_level(logging.WARNING), pytest.raises(GeneratorError):
        list(connect(generator, tmp_path).fetch(request_of(4)))
    assert generator.pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0]
    assert len(caplog.messages) == 7
    assert caplog.messages[2] == (
        'generator: 503 {"detail":"the workers are starting"}; retrying in 2 s'
    )


def test_a_stream_that_the_generator_cuts_is_fetched_again_with_a_message(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        list(connect(Generator(cut_by_the_generator), tmp_path).fetch(request_of(4)))
    assert caplog.messages == ["generator: [Errno 104] Connection reset by peer; retrying in 0.5 s"]


def test_the_last_reason_is_named(tmp_path: Path) -> None:
    generator = Generator(*[restarting] * 7, connection_refused)
    with pytest.raises(GeneratorError, match=r"^gave up after 8 attempts: connection refused$"):
        list(connect(generator, tmp_path).fetch(request_of(4)))


def test_an_error_without_a_message_is_named_by_its_type(tmp_path: Path) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("")

    with pytest.raises(GeneratorError, match=r"attempts: ReadError$"):
        list(connect(Generator(*[fail] * 8), tmp_path).fetch(request_of(4)))
    with pytest.raises(GeneratorError, match=r"within 0 s: ReadError$"):
        connect(Generator(fail), tmp_path).wait_ready(0)


@pytest.mark.parametrize("status", [400, 499])
def test_a_rejected_request_is_not_repeated(tmp_path: Path, status: int) -> None:
    generator = Generator(lambda _: httpx.Response(status, json={"detail": "count: too many"}))
    reason = re.escape(f'{status} {{"detail":"count: too many"}}')
    with pytest.raises(GeneratorError, match=f"^the generator rejects the request: {reason}$"):
        list(connect(generator, tmp_path).fetch(request_of(4)))
    assert len(generator.requests) == 1
    assert generator.pauses == []


def test_a_long_error_page_is_shortened(tmp_path: Path) -> None:
    generator = Generator(lambda _: httpx.Response(404, text=300 * "x"))
    with pytest.raises(GeneratorError, match=f": 404 {200 * 'x'}$"):
        list(connect(generator, tmp_path).fetch(request_of(4)))
    starting = Generator(lambda _: httpx.Response(503, text=300 * "y"))
    with pytest.raises(GeneratorError, match=f": 503 {200 * 'y'}$"):
        connect(starting, tmp_path).wait_ready(0)
    failing_always = Generator(*[lambda _: httpx.Response(500, text=300 * "z")] * 8)
    with pytest.raises(GeneratorError, match=f": 500 {200 * 'z'}$"):
        list(connect(failing_always, tmp_path).fetch(request_of(4)))


def test_a_dataset_is_fetched_in_parts_and_kept(tmp_path: Path) -> None:
    generator = Generator()
    client = connect(generator, tmp_path)
    first = [part.texts for part in client.fetch(request_of(10))]
    assert first == [["ba", "ab", "ba", "ab"], ["ba", "ab", "ba", "ab"], ["ba", "ab"]]
    assert len(generator.requests) == 3
    assert [part.texts for part in client.fetch(request_of(10))] == first
    assert len(generator.requests) == 3
    directory = tmp_path / f"{SPEC.fingerprint}-renderer" / "3"
    assert list_files(directory) == ["0-4.npz", "4-4.npz", "8-2.npz"]


def test_a_request_states_everything_that_decides_a_dataset(tmp_path: Path) -> None:
    generator = Generator()
    source = replace(SOURCE, spec=replace(SPEC, charset="ab", style="classic"))
    with pytest.raises(GeneratorError):  # the data is in the other style
        list(connect(generator, tmp_path).fetch(request_of(5, start=7, seed=9, source=source)))
    assert generator.requests[0].url.path == "/internal/dataset"
    assert generator.requests[0].method == "POST"
    assert read_body(generator.requests[0]) == {
        "count": 4,
        "seed": 9,
        "start": 7,
        "spec": source.spec.to_dict(),
    }


def test_a_source_describes_any_spec(tmp_path: Path) -> None:
    spec = replace(SPEC, effects=Effects(noise_dots=0))
    body = {
        "spec": spec.to_dict(),
        "fingerprint": spec.fingerprint,
        "renderer": {"fonts": []},
        "renderer_fingerprint": "0123456789abcdef",
    }
    generator = Generator(
        lambda _: httpx.Response(200, json=body),
        lambda _: httpx.Response(422, json={"detail": "the font A.ttf has no 'a'"}),
    )
    client = connect(generator, tmp_path)
    assert client.describe(spec) == CaptchaSource(spec, {"fonts": []}, "0123456789abcdef")
    assert read_body(generator.requests[0]) == {"spec": spec.to_dict()}
    with pytest.raises(GeneratorError, match=r"rejects the request: the font A\.ttf has no 'a'$"):
        client.describe(spec)


def test_a_refusal_without_a_sentence_is_shown_as_it_is(tmp_path: Path) -> None:
    generator = Generator(lambda _: httpx.Response(422, text="no"))
    with pytest.raises(GeneratorError, match=r"^the generator rejects the request: 422 no$"):
        connect(generator, tmp_path).describe(SPEC)


def test_the_parts_of_a_request_start_at_its_first_captcha(tmp_path: Path) -> None:
    generator = Generator()
    parts = list(connect(generator, tmp_path).fetch(request_of(6, start=3)))
    assert [(part.start, len(part.texts)) for part in parts] == [(3, 4), (7, 2)]
    bodies = [read_body(request) for request in generator.requests]
    assert [(body["start"], body["count"]) for body in bodies] == [(3, 4), (7, 2)]


def test_a_part_has_4000_captchas_by_default(tmp_path: Path) -> None:
    generator = Generator(*[lambda _: httpx.Response(404)] * 2)
    http = httpx.Client(base_url="http://generator", transport=httpx.MockTransport(generator))
    with pytest.raises(GeneratorError):
        next(GeneratorClient(http, tmp_path).fetch(request_of(4_001)))
    assert read_body(generator.requests[0])["count"] == 4000


def test_only_missing_parts_are_fetched_after_an_interruption(tmp_path: Path) -> None:
    generator = Generator(send_dataset, *[connection_refused] * ATTEMPTS)
    client = connect(generator, tmp_path)
    with pytest.raises(GeneratorError):
        list(client.fetch(request_of(8)))
    generator.requests.clear()
    assert len(list(client.fetch(request_of(8)))) == 2
    assert [read_body(request)["start"] for request in generator.requests] == [4]


def test_a_damaged_part_in_the_cache_is_fetched_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    generator = Generator()
    client = connect(generator, tmp_path)
    list(client.fetch(request_of(4)))
    (path,) = tmp_path.rglob("*.npz")
    path.write_bytes(path.read_bytes()[:-50])
    with caplog.at_level(logging.WARNING):
        assert len(list(client.fetch(request_of(4)))) == 1
    assert len(generator.requests) == 2
    assert caplog.messages[0].startswith("0-4.npz is truncated or not a dataset")
    assert caplog.messages[0].endswith(" in the cache; fetching it again")


def test_a_part_of_another_dataset_in_the_cache_is_fetched_again(tmp_path: Path) -> None:
    generator = Generator()
    client = connect(generator, tmp_path)
    directory = tmp_path / f"{SPEC.fingerprint}-renderer" / "3"
    directory.mkdir(parents=True)
    (directory / "0-4.npz").write_bytes(archive(4, 0, 4))
    (part,) = client.fetch(request_of(4))
    assert part.seed == 3


def test_data_of_another_renderer_is_never_taken_from_the_cache(tmp_path: Path) -> None:
    generator = Generator()
    client = connect(generator, tmp_path)
    list(client.fetch(request_of(4)))
    newer = replace(SOURCE, renderer_fingerprint="newer")
    with pytest.raises(GeneratorError, match=r"0-4\.npz\.\w+\.part contains another dataset: \("):
        list(client.fetch(request_of(4, source=newer)))
    assert len(generator.requests) == 1 + ATTEMPTS


def test_a_part_may_have_its_maximum_size_and_not_one_byte_more(tmp_path: Path) -> None:
    limit = 4 * CAPTCHA_BYTES + 100_000

    def send(size: int) -> Handler:
        return lambda _: httpx.Response(200, content=bytes(size))

    with pytest.raises(GeneratorError, match="truncated or not a dataset"):
        list(connect(Generator(*[send(limit)] * 8), tmp_path).fetch(request_of(4)))
    with pytest.raises(GeneratorError, match=r"0-4\.npz is larger than such a part can be"):
        list(connect(Generator(*[send(limit + 1)] * 8), tmp_path).fetch(request_of(4)))


class Clock:
    """A clock that advances by `step_s` with each look at it."""

    def __init__(self, step_s: float) -> None:
        self.step_s, self.now = step_s, 5_000.0

    def __call__(self) -> float:
        self.now += self.step_s
        return self.now


@pytest.mark.parametrize(("step_s", "is_too_slow"), [(600.0, False), (600.1, True)])
def test_a_part_takes_at_most_ten_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step_s: float, is_too_slow: bool
) -> None:
    monkeypatch.setattr(generator_client.time, "monotonic", Clock(step_s))
    fetching = connect(Generator(), tmp_path).fetch(request_of(1))
    if is_too_slow:
        with pytest.raises(GeneratorError, match=r"attempts: not complete within 600 s$"):
            list(fetching)
    else:
        assert len(list(fetching)) == 1


def test_the_missing_bytes_are_those_of_the_parts_that_are_not_in_the_cache(
    tmp_path: Path,
) -> None:
    client = connect(Generator(), tmp_path)
    request = request_of(10)
    assert client.count_missing_bytes(request) == 10 * CAPTCHA_BYTES + 3 * 100_000
    parts = client.fetch(request)
    next(parts)
    assert client.count_missing_bytes(request) == 6 * CAPTCHA_BYTES + 2 * 100_000
    list(parts)
    assert client.count_missing_bytes(request) == 0
    assert client.count_missing_bytes(request_of(10, seed=4)) > 0


def test_a_generator_that_starts_late_is_waited_for(tmp_path: Path) -> None:
    generator = Generator(connection_refused, restarting, send_ready, send_spec)
    source = connect(generator, tmp_path).wait_ready(5)
    assert source == CaptchaSource(SPEC, {"captcha": "0.7.1"}, "0123456789abcdef")
    assert generator.paths == ["/ready", "/ready", "/ready", "/captcha/spec"]
    assert generator.pauses == [0.5, 0.5]


def test_a_generator_that_restarts_between_two_requests_is_waited_for(tmp_path: Path) -> None:
    generator = Generator(send_ready, restarting, send_ready, send_spec)
    assert connect(generator, tmp_path).wait_ready(5).spec == SPEC
    assert generator.paths == ["/ready", "/captcha/spec"] * 2


def test_a_generator_that_does_not_become_ready_is_named(tmp_path: Path) -> None:
    generator = Generator(*[connection_refused] * 1_000_000)
    message = (
        r"^the generator at http://generator/? was not ready within 0\.05 s: connection refused$"
    )
    with pytest.raises(GeneratorError, match=message):
        connect(generator, tmp_path).wait_ready(0.05)
    assert len(generator.requests) > 1


def test_the_response_of_a_generator_that_does_not_become_ready_is_shown(tmp_path: Path) -> None:
    with pytest.raises(GeneratorError, match=r'within 0 s: 503 \{"detail":"the workers are start'):
        connect(Generator(restarting), tmp_path).wait_ready(0)


def test_a_timeout_of_zero_is_one_attempt(tmp_path: Path) -> None:
    generator = Generator(connection_refused)
    with pytest.raises(GeneratorError, match=r"within 0 s: connection refused"):
        connect(generator, tmp_path).wait_ready(0)
    assert generator.paths == ["/ready"]
    assert generator.pauses == []


def test_the_deadline_is_the_timeout_from_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generator_client.time, "monotonic", Clock(1.0))
    generator = Generator(*[connection_refused] * 100)
    with pytest.raises(GeneratorError, match="within 3 s"):
        connect(generator, tmp_path).wait_ready(3)
    assert len(generator.requests) == 3


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"spec": SPEC.to_dict() | {"charset": ""}}, "charset must contain at least one character"),
        ({"spec": None}, "spec: Input should be an object"),
        (
            {"renderer_fingerprint": "../../etc"},
            "renderer_fingerprint: String should match pattern '^[0-9a-f]{16}$', not '../../etc'",
        ),
        (
            {"renderer": "text", "fingerprint": 1},
            "fingerprint: Input should be a valid string, not 1;"
            " renderer: Input should be an object, not 'text'",
        ),
    ],
)
def test_an_invalid_spec_is_an_error_of_one_line(
    tmp_path: Path, wrong: dict[str, object], reason: str
) -> None:
    generator = Generator(send_ready, lambda _: httpx.Response(200, json=SPEC_BODY | wrong))
    with pytest.raises(GeneratorError) as caught:
        connect(generator, tmp_path).wait_ready(5)
    assert str(caught.value) == f"the generator's spec is invalid: {reason}"
    assert len(generator.requests) == 2


def test_a_response_that_is_not_json_is_an_error_of_one_line(tmp_path: Path) -> None:
    generator = Generator(send_ready, html_page)
    with pytest.raises(GeneratorError, match=r"^the generator's spec is invalid: .*JSON.*$"):
        connect(generator, tmp_path).wait_ready(5)


def test_downloads_that_were_abandoned_an_hour_ago_are_removed(tmp_path: Path) -> None:
    directory = tmp_path / f"{SPEC.fingerprint}-renderer" / "3"
    directory.mkdir(parents=True)
    other = tmp_path / "another" / "3"
    other.mkdir(parents=True)
    ages_s = {
        directory / "old.part": 3_660,
        directory / "old.npz": 7_200,
        directory / "new.part": 3_540,
        other / "old.part": 7_200,
    }
    for path, age_s in ages_s.items():
        path.touch()
        os.utime(path, (time.time() - age_s,) * 2)
    list(connect(Generator(), tmp_path).fetch(request_of(4)))
    assert list_files(directory) == ["0-4.npz", "new.part", "old.npz"]
    assert list_files(other) == ["old.part"]


def test_a_download_has_a_name_of_its_own_until_it_is_complete(tmp_path: Path) -> None:
    names: list[str] = []

    def look(request: httpx.Request) -> httpx.Response:
        def body() -> Iterator[bytes]:
            content = send_dataset(request).content
            yield content[:100]
            names.extend(list_files(tmp_path))
            yield content[100:]

        return httpx.Response(200, content=body())

    for cache in ("a", "b"):
        list(connect(Generator(look), tmp_path / cache).fetch(request_of(4)))
    partial = [name for name in names if name.endswith(".part")]
    assert len(set(partial)) == 2
    assert all(re.fullmatch(r"\.0-4\.npz\.[0-9a-f]{8}\.part", name) for name in partial)


def send_pictures(request: httpx.Request) -> httpx.Response:
    seed = int(request.url.params["seed"])
    body = PicturesBody(question="cat", tiles=["AA=="], answer=[0], words=["cat"], seed=seed)
    return httpx.Response(200, json=body.model_dump())


def test_pictures_are_fetched_by_seed_and_again_after_a_failure(tmp_path: Path) -> None:
    generator = Generator(lambda _: httpx.Response(503), send_pictures)
    pictures = connect(generator, tmp_path).fetch_pictures(7)
    assert (pictures.question, pictures.answer, pictures.seed) == ("cat", [0], 7)
    assert [request.url.path for request in generator.requests] == ["/captcha/pictures"] * 2


def test_any_route_is_fetched_with_its_parameters_and_again_after_a_failure(
    tmp_path: Path,
) -> None:
    generator = Generator(
        lambda _: httpx.Response(503), lambda _: httpx.Response(200, content=b"x")
    )
    assert connect(generator, tmp_path).get("/captcha.png", {"text": "ab", "seed": 7}) == b"x"
    assert [str(request.url) for request in generator.requests] == [
        "http://generator/captcha.png?text=ab&seed=7"
    ] * 2
    assert list_files(tmp_path) == []


def test_a_text_that_the_generator_rejects_is_an_error_with_its_reason(tmp_path: Path) -> None:
    generator = Generator(lambda _: httpx.Response(422, json={"detail": "text has 5 characters"}))
    with pytest.raises(GeneratorError, match="text has 5 characters"):
        connect(generator, tmp_path).get("/captcha.wav", {"text": "abcde"})
    assert len(generator.requests) == 1


def test_pictures_with_other_fields_are_an_error(tmp_path: Path) -> None:
    generator = Generator(send_spec)
    with pytest.raises(GeneratorError, match="pictures of the generator are invalid: question"):
        connect(generator, tmp_path).fetch_pictures(7)
