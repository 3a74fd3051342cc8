"""Fixtures of several folders: a running generator, three splits and a briefly trained model.

Programs are imported inside the fixtures, so that tests of one program do not import the others.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import httpx
import pytest

from shared.captchas.spec import CaptchaSpec
from trainer.config import TrainingConfig

if TYPE_CHECKING:
    from trainer.data.dataset_requests import CaptchaSource
    from trainer.data.splits import Splits

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

SPEC = CaptchaSpec()
# The smallest training: for tests of what happens around it.
TINY = TrainingConfig(
    network="compact",
    init="scratch",
    captchas=301,
    non_captcha_fraction=0.0,
    folder_epoch_captchas=2_000,
    validation_captchas=100,
    test_captchas=101,
    epochs=1,
    learning_rate=0.004,
)
# Predicts most captchas after seconds of training.
SMALL = TrainingConfig(
    network="compact",
    init="scratch",
    non_captcha_fraction=0.0,
    learning_rate=0.004,
    captchas=6_000,
    styles=("current",),
    validation_captchas=200,
    test_captchas=200,
    epochs=3,
    augment_fraction=0.0,
    min_accuracy=0.5,
)


@pytest.fixture(scope="session")
def generator() -> Iterator[httpx.Client]:
    """Run a generator with default settings and two workers, and yield a client of it."""
    from generator_service.app import create_app
    from generator_service.rendering.render_options import RenderOptions
    from generator_service.settings import Settings
    from generator_service.worker_pool import WorkerPool
    from tests.serving import running, wait_ready

    pool = WorkerPool(SPEC, RenderOptions(), 2)
    with running(create_app(Settings.load(), pool)) as client:
        wait_ready(client)
        yield client


@pytest.fixture(scope="session")
def source(generator: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> CaptchaSource:
    """Return what the generator renders."""
    from trainer.data.generator_client import GeneratorClient

    return GeneratorClient(generator, tmp_path_factory.mktemp("none")).wait_ready(10)


@pytest.fixture(scope="session")
def splits(
    generator: httpx.Client, source: CaptchaSource, tmp_path_factory: pytest.TempPathFactory
) -> Splits:
    """Return the splits of `SMALL`."""
    from trainer.data.dataset_requests import list_requests
    from trainer.data.generator_client import GeneratorClient
    from trainer.data.training_data import fetch_splits
    from trainer.status_writer import StatusWriter

    client = GeneratorClient(generator, tmp_path_factory.mktemp("data"))
    status = StatusWriter(tmp_path_factory.mktemp("status"), SMALL)
    return fetch_splits(SMALL, client, list(list_requests(SMALL, source)), SPEC, None, status)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """Return a directory with version 1: the compact network, trained with `SMALL`.

    It is trained once for all workers of pytest-xdist. Tests that change it take a copy.
    """
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # the workers have a directory each in it
    root = base / "models" / "captcha"
    with (base / "models.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / "1").exists():
            train_version(root, base / "run", request)
    return root


def train_version(root: Path, directory: Path, request: pytest.FixtureRequest) -> None:
    from trainer.pipeline import train_and_publish
    from trainer.status_writer import StatusWriter
    from trainer.training_fingerprints import compute_fingerprints

    source: CaptchaSource = request.getfixturevalue("source")
    splits: Splits = request.getfixturevalue("splits")
    directory.mkdir(exist_ok=True)
    data = {
        "spec": SPEC.fingerprint,
        "renderer": source.renderer_fingerprint,
        "image_folder": "",
        "bundled": "",
    }
    fingerprints = compute_fingerprints(SMALL, data)
    status = StatusWriter(directory, SMALL)
    # As the first version for captchas that the bundled model does not know.
    with mock.patch("trainer.pipeline.find_reference", return_value=None):
        train_and_publish(SMALL, source, fingerprints, splits, directory, root, status)
