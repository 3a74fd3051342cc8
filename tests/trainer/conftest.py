"""Fixtures of the trainer's tests."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

from shared.labels import encode
from tests.conftest import SPEC
from trainer.config import TrainingConfig
from trainer.data.splits import Split


def change(config: TrainingConfig, **fields: Any) -> TrainingConfig:
    """Return a valid config with these fields changed."""
    return TrainingConfig(**(config.model_dump() | fields))


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the trainer's settings from the environment."""
    for name in list(os.environ):
        if name.startswith(("TRAIN_", "GENERATOR_")) or name in {"MODELS_DIR", "DATA_DIR"}:
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def captchas() -> Split:
    """Return a split of 205 captchas of four digits."""
    from generator_service.captcha_text import generate_text
    from generator_service.dataset_batches import render_grey_batch
    from generator_service.render_options import RenderOptions

    pixels = render_grey_batch(SPEC, RenderOptions(), 1, 0, 205)
    images = np.frombuffer(pixels, np.uint8).reshape(-1, SPEC.height, SPEC.width)
    texts = [generate_text(SPEC, 1, index) for index in range(205)]
    return Split(SPEC, images, encode(texts, SPEC), (("current", 205),))
