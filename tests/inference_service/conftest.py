"""A fake version, captchas that it predicts, the bundled model, and one running service."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from inference_service.app import create_app
from inference_service.models.model_store import ModelStore
from inference_service.settings import Settings
from shared.captchas.spec import CaptchaSpec
from shared.versions.bundled_model import BUNDLED_MODEL
from tests.inference_service.captchas import Captcha, draw_captchas
from tests.inference_service.engines import load_band_engine
from tests.inference_service.versions import publish_fake
from tests.serving import running, wait_ready

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a fake version 1 for the default spec; tests modify copies only."""
    versions = tmp_path_factory.mktemp("models") / "captcha"
    publish_fake(versions, CaptchaSpec())
    return versions


@pytest.fixture
def versions(models: Path, tmp_path: Path) -> Path:
    """Return a copy of `models` that a test can modify."""
    return Path(shutil.copytree(models, tmp_path / "captcha"))


@pytest.fixture
def real_versions(tmp_path: Path) -> Path:
    """Return a directory with the bundled model as version 1, for tests of a real engine."""
    shutil.copytree(BUNDLED_MODEL / "0", tmp_path / "models" / "captcha" / "1")
    return tmp_path / "models" / "captcha"


@pytest.fixture(scope="session")
def captchas() -> list[Captcha]:
    return draw_captchas(CaptchaSpec(), seed=100, count=200)


@pytest.fixture(scope="session")
def client(models: Path) -> Iterator[httpx.Client]:
    """Yield a client of a service whose active version is 1."""
    store = ModelStore(models, load_band_engine)
    with running(create_app(Settings.load(), store)) as client:
        wait_ready(client)
        yield client
