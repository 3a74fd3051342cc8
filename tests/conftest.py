"""What several test files need: a running generator, and one small trained model."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from generator_service.app import create_app
from generator_service.renderer import Renderer
from generator_service.settings import Settings
from shared.artifacts import publish
from shared.spec import CaptchaSpec
from tests.serving import running, wait_ready
from trainer.client import GeneratorClient, Source
from trainer.config import TrainingConfig
from trainer.dataset import Split, Splits, collect

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

SPEC = CaptchaSpec()
# Enough to see where captchas come from.
TINY = TrainingConfig(
    captchas=301, validation_captchas=100, test_captchas=101, epochs=1, min_accuracy=0.0
)
# Enough to read most captchas, little enough to train in seconds.
SMALL = TrainingConfig(
    captchas=6_000,
    drawings="current",
    validation_captchas=200,
    test_captchas=200,
    epochs=3,
    variation=0.0,
    min_accuracy=0.5,
)
CAPTCHAS = {"spec": SPEC.fingerprint, "drawing": "tests", "own": ""}


@pytest.fixture(scope="session")
def generator() -> Iterator[httpx.Client]:
    """A generator with default settings and two render processes, ready."""
    settings = Settings.from_environment({"RENDER_PROCESSES": "2", "MAX_DATASET": "100000"})
    with running(create_app(settings, Renderer(SPEC, (), settings.processes))) as client:
        wait_ready(client)
        yield client


@pytest.fixture(scope="session")
def source(generator: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> Source:
    return GeneratorClient(generator, tmp_path_factory.mktemp("none")).wait_ready(10)


@pytest.fixture(scope="session")
def splits(
    generator: httpx.Client, source: Source, tmp_path_factory: pytest.TempPathFactory
) -> Splits:
    client = GeneratorClient(generator, tmp_path_factory.mktemp("data"))

    def fetch(seed: int, count: int) -> Split:
        parts = (("current", part) for part in client.fetch(source, seed, count))
        return collect(parts, SPEC, count, lambda _: None)

    return Splits(
        train=fetch(1, SMALL.captchas),
        validation=fetch(2, SMALL.validation_captchas),
        test=fetch(3, SMALL.test_captchas),
    )


@pytest.fixture(scope="session")
def models(source: Source, splits: Splits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models directory with version 1: the compact network, briefly trained.

    Tests that change it take a copy.
    """
    from trainer.training import train_and_evaluate

    workdir = tmp_path_factory.mktemp("workdir")
    run = tmp_path_factory.mktemp("run")
    artifact = train_and_evaluate(SMALL, source, CAPTCHAS, splits, run, workdir, io.StringIO())
    root = tmp_path_factory.mktemp("models") / "captcha"
    publish(artifact.directory, root, artifact.draft)
    return root
