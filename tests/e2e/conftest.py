"""One stack for all tests here, started with default settings, as a new user would."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.stack import Stack, why_no_engine


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    if why := why_no_engine():
        if os.environ.get("CI"):
            pytest.fail(f"CI must have a Docker engine, but {why}")
        pytest.skip(f"needs a Docker engine: {why}")
    stack = Stack(project=f"captcha-e2e-{os.getpid()}")
    stack.compose("build")
    stack.began = time.monotonic()
    try:
        stack.compose("up", "-d")
        yield stack
    finally:
        print(stack.compose("ps", "-a", check=False).stdout)
        down = ("down", "-v", "--rmi", "local", "--timeout", "5")
        stack.compose("--profile", "cpu", *down, check=False)


@pytest.fixture(scope="session")
def client(stack: Stack) -> Iterator[httpx.Client]:
    with stack.client() as client:
        yield client
