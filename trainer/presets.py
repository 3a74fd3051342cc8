"""Sets of hyperparameters that have a name."""

from __future__ import annotations

from typing import Any

# What the course did; on 5,000 captchas it reads few whole ones, so the gate is low.
COURSE: dict[str, Any] = {
    "network": "course",
    "captchas": 5_000,
    "drawings": "current",
    "validation_captchas": 2_000,
    "test_captchas": 5_000,
    "epochs": 10,
    "batch_size": 100,
    "loss": "binary_crossentropy",
    "optimizer": "adam",
    "learning_rate": 0.001,
    "schedule": "constant",
    "shift": 0,
    "shift_down": 0,
    "variation": 0.0,
    "min_accuracy": 0.0,
}

# As good as an hour on two cores makes it.
BEST: dict[str, Any] = {
    "captchas": 240_000,
    "validation_captchas": 10_000,
    "test_captchas": 25_600,
    "epochs": 16,
    "learning_rate": 0.003,
    "variation": 0.4,
    "min_accuracy": 0.99,
}

# What digits need is not enough for letters: finer blocks, wider layers, more captchas.
LETTERS: dict[str, Any] = {
    "network": "wide",
    "captchas": 400_000,
    "validation_captchas": 10_000,
    "test_captchas": 25_600,
    "look_alike_captchas": 300_000,
    "epochs": 14,
    # How high a character stands tells the size of its font, and the size tells 0 from O.
    "shift_down": 0,
    "variation": 0.05,
    "focus": 0.7,
    "looks": 3,
}

PRESETS: dict[str, dict[str, Any]] = {
    "quick": {},
    "best": BEST,
    "letters": LETTERS,
    "course": COURSE,
}
DEFAULT_PRESET = "quick"
