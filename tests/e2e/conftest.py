"""One stack for all tests here, started with default settings, as a new user would."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.e2e.stack import Stack, why_no_engine


@contextmanager
def new_stack(name: str) -> Iterator[Stack]:
    """A stack with its images built and nothing started; all of it is removed in the end."""
    stack = Stack(project=f"captcha-{name}-{os.getpid()}")
    try:
        stack.compose("build")
        stack.began = time.monotonic()
        yield stack
    finally:
        print(stack.compose("ps", "-a", check=False).stdout)
        down = ("down", "-v", "--rmi", "local", "--timeout", "5")
        stack.compose("--profile", "cpu", "--profile", "tensorboard", *down, check=False)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    if why := why_no_engine():
        if os.environ.get("CI"):
            pytest.fail(f"CI must have a Docker engine, but {why}")
        pytest.skip(f"needs a Docker engine: {why}")
    with new_stack("e2e") as stack:
        stack.compose("up", "-d")
        yield stack


@pytest.fixture(scope="session")
def client(stack: Stack) -> Iterator[httpx.Client]:
    with stack.client() as client:
        yield client
