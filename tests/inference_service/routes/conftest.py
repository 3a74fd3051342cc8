"""A service without a version, with its models volume."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from inference_service.app import create_app
from inference_service.models.model_store import ModelStore
from inference_service.settings import Settings
from tests.inference_service.engines import load_band_engine
from tests.serving import running


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def empty_client(volume: Path) -> Iterator[httpx.Client]:
    """Yield a client of a service without a version."""
    store = ModelStore(volume / "captcha", load_band_engine)
    with running(create_app(Settings.load(), store)) as client:
        yield client
