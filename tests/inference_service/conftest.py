"""The bundled model as a published version, captchas, and one running service."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from inference_service.app import create_app
from inference_service.engines import OpenVinoEngine
from inference_service.model_store import ModelStore
from inference_service.settings import Settings
from shared.bundled_model import BUNDLED_MODEL
from shared.spec import CaptchaSpec
from tests.inference_service.captchas import Captcha, render_captchas
from tests.serving import running, wait_ready

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with the bundled model as version 1; tests modify copies only."""
    versions = tmp_path_factory.mktemp("models") / "captcha"
    shutil.copytree(BUNDLED_MODEL / "0", versions / "1")
    return versions


@pytest.fixture
def versions(models: Path, tmp_path: Path) -> Path:
    """Return a copy of `models` that a test can modify."""
    return Path(shutil.copytree(models, tmp_path / "captcha"))


@pytest.fixture(scope="session")
def captchas() -> list[Captcha]:
    return render_captchas(CaptchaSpec(), seed=100, count=200)


@pytest.fixture(scope="session")
def openvino(models: Path) -> OpenVinoEngine:
    return OpenVinoEngine(models / "1", CaptchaSpec(), threads=2)


@pytest.fixture(scope="session")
def client(models: Path, openvino: OpenVinoEngine) -> Iterator[httpx.Client]:
    """Yield a client of a service whose active version is 1."""
    store = ModelStore(models, lambda directory, spec: openvino)
    with running(create_app(Settings.load(), store)) as client:
        wait_ready(client)
        yield client
