"""The health check of the containers: exit status 0 only for a response with status 200."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest


@contextmanager
def server(status: int) -> Iterator[tuple[int, list[str]]]:
    """Answer every request with a status; return the port and the requested lines."""
    requested: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requested.append(f"{self.command} {self.path}")
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    running = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    try:
        yield running.server_port, requested
    finally:
        running.shutdown()
        thread.join()
        running.server_close()


def check(port: int, path: str, **environment: str) -> int:
    command = [sys.executable, "-m", "shared.healthcheck", str(port), path]
    return subprocess.run(command, check=False, capture_output=True, env=environment).returncode


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (404, 1), (204, 1)])
def test_only_a_response_with_status_200_is_healthy(status: int, code: int) -> None:
    with server(status) as (port, requested):
        assert check(port, "/ready") == code
    assert requested == ["GET /ready"]


def test_a_proxy_of_the_environment_is_not_used() -> None:
    with server(200) as (port, requested):
        assert check(port, "/ping", http_proxy="http://127.0.0.1:9") == 0
    assert requested == ["GET /ping"]


def test_a_port_that_nobody_listens_on_is_unhealthy() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert check(unused.getsockname()[1], "/ready") == 1


def test_a_server_that_does_not_answer_is_unhealthy_after_three_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        command = [sys.executable, "-m", "shared.healthcheck"]
        done = subprocess.run(
            [*command, str(silent.getsockname()[1]), "/ready"],
            check=False, capture_output=True, text=True, timeout=20,
        )  # fmt: skip
    assert done.returncode == 1
    assert "TimeoutError" in done.stderr
