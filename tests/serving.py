"""Apps that run on free ports of this machine, and waiting for conditions."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn

# By default, server and client both close a connection after 5 s without requests. On a busy
# machine the server could close it just when the client sends the next request.
_SERVER_KEEP_ALIVE_S = 600


@contextmanager
def running(app: Any, **options: Any) -> Iterator[httpx.Client]:
    """Run an ASGI app in a thread, with options of uvicorn, and yield a client of it."""
    config = uvicorn.Config(
        app,
        port=0,
        log_level="warning",
        access_log=False,
        log_config=None,  # as the services: records reach the root logger
        timeout_keep_alive=_SERVER_KEEP_ALIVE_S,
        **options,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the app did not start"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


def wait_ready(client: httpx.Client, timeout_s: float = 60.0) -> None:
    """Return when the app is ready."""
    deadline = time.monotonic() + timeout_s
    while client.get("/ready").status_code != httpx.codes.OK:
        assert time.monotonic() < deadline, client.get("/ready").text
        time.sleep(0.05)


def free_port() -> int:
    """Return a port that no process listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(condition: Callable[[], object], timeout_s: float, what: str) -> None:
    """Return once the condition holds; fail with `what` if it does not within the time."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            if condition():
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {what}"
        time.sleep(0.05)
