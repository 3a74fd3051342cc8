"""Measurements by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trainer.audit.attack.measurement import Measurement


def build_measurement(
    texts: Sequence[str], predictions: Sequence[str], **fields: Any
) -> Measurement:
    values: dict[str, Any] = {
        "init": "bundled",
        "labels": 100,
        "steps": 50,
        "parameters": 1_000,
        "train_cpu_s": 30.0,
        "ms_per_attempt": 2.0,
        "seconds": 20.0,
        "texts": tuple(texts),
        "predictions": tuple(predictions),
        "confidences": tuple(0.5 for _ in texts),
    }
    return Measurement(**values | fields)
