from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from inference_service.models.generator_watcher import GeneratorWatcher, describe_captchas
from shared.captchas.spec import CaptchaSpec
from tests.inference_service.spec_server import SpecServer, body_of, serving_specs
from tests.serving import eventually, free_port

SPEC = CaptchaSpec("ABC", length=5, min_length=3, width=200, height=80, style="classic")


@pytest.fixture
def server() -> Iterator[SpecServer]:
    with serving_specs() as server:
        yield server


def test_the_spec_is_unknown_until_the_generator_responds(server: SpecServer) -> None:
    watcher = GeneratorWatcher(server.url)
    assert watcher.spec is None
    server.render(SPEC)
    watcher.refresh()
    assert watcher.spec == SPEC
    assert server.paths == ["/captcha/spec"]


def test_a_slash_at_the_end_of_the_address_does_not_matter(server: SpecServer) -> None:
    server.render(SPEC)
    watcher = GeneratorWatcher(f"{server.url}/")
    watcher.refresh()
    assert (watcher.spec, server.paths) == (SPEC, ["/captcha/spec"])


def test_a_generator_that_changes_is_noticed(
    server: SpecServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    watcher = GeneratorWatcher(server.url)
    for spec in (SPEC, SPEC, CaptchaSpec()):
        server.render(spec)
        watcher.refresh()
        assert watcher.spec == spec
    messages = [f"the generator renders {describe_captchas(s)}" for s in (SPEC, CaptchaSpec())]
    assert [record.message for record in caplog.records] == messages


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (503, b"{}"),
        (404, b"nothing"),
        (200, b""),
        (200, b"not json"),
        (200, b"[]"),
        (200, b"\xff"),
        (200, b"[" * 50_000),
        (200, json.dumps({**body_of(SPEC), "spec": {"charset": "ABC"}}).encode()),
        (200, json.dumps({**body_of(SPEC), "spec": {**SPEC.to_dict(), "length": 99}}).encode()),
        (200, json.dumps({**body_of(SPEC), "spec": {**SPEC.to_dict(), "charset": 5}}).encode()),
        (200, json.dumps(body_of(SPEC)).encode() + b" " * 100_000),
    ],
)
def test_an_invalid_response_is_ignored_with_a_warning_and_the_last_spec_is_kept(
    server: SpecServer, caplog: pytest.LogCaptureFixture, status: int, content: bytes
) -> None:
    watcher = GeneratorWatcher(server.url)
    server.status, server.content = status, content
    watcher.refresh()
    assert watcher.spec is None
    assert "the newest version predicts" in caplog.text
    server.render(SPEC)
    watcher.refresh()
    caplog.clear()
    server.status, server.content = status, content
    watcher.refresh()
    assert watcher.spec == SPEC
    assert f"no captcha spec from {server.url}/captcha/spec, the last one is kept" in caplog.text
    assert len(caplog.records) == 1


def test_an_outage_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    watcher = GeneratorWatcher(f"http://127.0.0.1:{port}")
    caplog.set_level("INFO")
    for _ in range(3):
        watcher.refresh()
    assert caplog.text.count("no captcha spec from") == 1
    with serving_specs(port) as server:
        server.render(SPEC)
        watcher.refresh()
    for _ in range(3):
        watcher.refresh()
    assert caplog.text.count("no captcha spec from") == 2
    assert caplog.text.count("the generator responds (") == 1
    assert watcher.spec == SPEC


def test_a_generator_that_does_not_respond_is_given_up_after_two_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        watcher = GeneratorWatcher(f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        watcher.refresh()
        assert 1.5 < time.monotonic() - started < 10
    assert watcher.spec is None


def test_a_proxy_in_the_environment_is_not_used(
    server: SpecServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("no_proxy", "")
    server.render(SPEC)
    watcher = GeneratorWatcher(server.url)
    watcher.refresh()
    assert watcher.spec == SPEC


def test_watching_requests_the_spec_again_and_again(server: SpecServer) -> None:
    watcher = GeneratorWatcher(server.url)
    server.status = 503
    stop = threading.Event()
    thread = threading.Thread(target=watcher.watch, args=(0.05, stop))
    thread.start()
    try:
        assert watcher.first_request.wait(10)
        for spec in (SPEC, CaptchaSpec()):
            server.render(spec)
            eventually(lambda spec=spec: watcher.spec == spec, 20, "the spec is known")
    finally:
        stop.set()
        thread.join()


def test_until_the_first_response_it_asks_once_a_second(server: SpecServer) -> None:
    watcher = GeneratorWatcher(server.url)
    server.status = 503
    stop = threading.Event()
    thread = threading.Thread(target=watcher.watch, args=(3600, stop))
    thread.start()
    try:
        eventually(lambda: len(server.paths) >= 2, 20, "a second request")
    finally:
        stop.set()
        thread.join()


def test_captchas_are_described_with_everything_that_matters() -> None:
    assert describe_captchas(SPEC) == "3 to 5 characters of 'ABC', 200x80 pixels, style classic"
