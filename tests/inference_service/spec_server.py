"""A server in the place of the generator: responds to every path with what a test sets."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from shared.captchas.spec import CaptchaSpec


class SpecServer(ThreadingHTTPServer):
    """Counts the requests and records their paths."""

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.status = 200
        self.content = b""
        self.paths: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def render(self, spec: CaptchaSpec) -> None:
        """Respond as a generator of this spec."""
        self.status, self.content = 200, json.dumps(body_of(spec)).encode()


class _Handler(BaseHTTPRequestHandler):
    server: SpecServer

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_message(self, *arguments: object) -> None:
        """Write nothing."""


def body_of(spec: CaptchaSpec) -> dict[str, Any]:
    """Return the JSON of `GET /captcha/spec`."""
    return {
        "spec": spec.to_dict(),
        "fingerprint": spec.fingerprint,
        "renderer": {},
        "renderer_fingerprint": "0123456789abcdef",
    }


@contextmanager
def serving_specs(port: int = 0) -> Iterator[SpecServer]:
    """Run a server in a thread."""
    with SpecServer(port) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
