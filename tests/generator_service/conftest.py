"""A running generator and its worker pool, shared by the tests of the generator service."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI

from generator_service.app import create_app
from generator_service.datasets.abortable_connection import AbortableConnection
from generator_service.rendering.render_options import RenderOptions
from generator_service.settings import Settings
from generator_service.worker_pool import WorkerPool
from shared.captchas.spec import CaptchaSpec
from tests.serving import running, wait_ready


@pytest.fixture(scope="session")
def pool() -> Iterator[WorkerPool]:
    """Yield two worker processes; starting them takes seconds."""
    pool = WorkerPool(CaptchaSpec(), RenderOptions(), 2)
    yield pool
    pool.close()


@pytest.fixture(scope="session")
def app(pool: WorkerPool) -> FastAPI:
    """Return a generator with default settings."""
    return create_app(Settings.load(), pool)


@pytest.fixture(scope="session")
def generator(app: FastAPI) -> Iterator[httpx.Client]:
    """Run the generator until it is ready, and yield a client of it."""
    with running(app, http=AbortableConnection) as client:
        wait_ready(client)
        yield client
