"""Fixtures of the trainer's tests."""

from __future__ import annotations

import os
from typing import Any

import pytest

from trainer.config import TrainingConfig


def change(config: TrainingConfig, **fields: Any) -> TrainingConfig:
    """Return a valid config with these fields changed."""
    return TrainingConfig(**(config.model_dump() | fields))


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the trainer's settings from the environment."""
    for name in list(os.environ):
        if name.startswith(("TRAIN_", "GENERATOR_")) or name in {"MODELS_DIR", "DATA_DIR"}:
            monkeypatch.delenv(name)
