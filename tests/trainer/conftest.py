"""Fixtures of the trainer's tests."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from generator_service.rendering.captcha_text import generate_text
from generator_service.rendering.dataset_batches import render_grey_batch, render_png_batch
from generator_service.rendering.render_options import RenderOptions
from shared.captchas.labels import encode
from shared.captchas.spec import CaptchaSpec
from tests.conftest import SPEC, TINY
from trainer.config import TrainingConfig
from trainer.data.splits import Split


def change(config: TrainingConfig, **fields: Any) -> TrainingConfig:
    """Return a valid config with these fields changed."""
    return TrainingConfig(**(config.model_dump() | fields))


FOLDER_SPEC = CaptchaSpec("abc", 3, 80, 40, min_length=2)
# A training on an image folder alone. Its model cannot pass the quality gate.
ALONE = change(TINY, captchas=0, augment_fraction=0.0, min_accuracy=1.0)
OFFLINE = httpx.MockTransport(lambda request: httpx.Response(404, text=str(request.url)))


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the trainer's settings from the environment."""
    for name in list(os.environ):
        if name.startswith(("TRAIN_", "GENERATOR_")) or name in {"MODELS_DIR", "DATA_DIR"}:
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def captchas() -> Split:
    """Return a split of 205 captchas of four digits."""
    pixels = render_grey_batch(SPEC, RenderOptions(), 1, 0, 205)
    images = np.frombuffer(pixels, np.uint8).reshape(-1, SPEC.height, SPEC.width)
    texts = [generate_text(SPEC, 1, index) for index in range(205)]
    return Split(SPEC, images, encode(texts, SPEC), (("current", 205),))


def write_images(directory: Path, spec: CaptchaSpec, seed: int, count: int) -> Path:
    directory.mkdir()
    for index, (text, png) in enumerate(render_png_batch(spec, RenderOptions(), seed, 0, count)):
        (directory / f"{text}_{index}.png").write_bytes(png)
    return directory


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of 150 images of FOLDER_SPEC."""
    return write_images(tmp_path_factory.mktemp("images") / "own", FOLDER_SPEC, 1, 150)
