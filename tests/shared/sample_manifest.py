"""A small valid manifest, to be changed by tests."""

from __future__ import annotations

from typing import Any

from shared.captchas.spec import CaptchaSpec
from shared.versions.manifest import Accuracy, Confusion, GoldenSample, ManifestDraft, Metrics


def sample_metrics(**changes: Any) -> Metrics:
    """Return metrics with these fields changed."""
    values = {
        "accuracy": 0.99,
        "accuracy_interval_95": (0.985, 0.993),
        "n": 2000,
        "by_subset": {
            "current": Accuracy(accuracy=0.99, accuracy_interval_95=(0.985, 0.993), n=2000)
        },
        "character_accuracy": 0.997,
        "most_confused": [Confusion(truth="1", predicted="7", count=3)],
        "parameters": 100_000,
        "training_s": 60.5,
        "images_per_s": 4000.0,
        "epochs": 2.5,
        "stop_reason": "the last epoch is complete",
    }
    return Metrics(**(values | changes))


def sample_draft(**changes: Any) -> ManifestDraft:
    """Return a draft with these fields changed."""
    values = {
        "created": "2026-01-01T00:00:00+00:00",
        "training_fingerprint": "0123456789abcdef",
        "spec": CaptchaSpec().to_dict(),
        "renderer": {"captcha": "0.7.1"},
        "config": {"epochs": 4},
        "metrics": sample_metrics(),
        "libraries": {"keras": "3.15"},
        "golden": GoldenSample(image="aW1hZ2U=", text="0000", probabilities=[[1.0]]),
    }
    return ManifestDraft(**(values | changes))
