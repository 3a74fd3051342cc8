"""Fingerprints that identify a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.fingerprint import fingerprint
from trainer.config import TrainingConfig

# The quality gates do not affect the trained model.
_NOT_TRAINED = {"min_accuracy", "publish_worse"}
_STOP_CRITERIA = {"target_accuracy", "patience", "max_minutes"}


@dataclass(frozen=True)
class Fingerprints:
    """Two fingerprints of 16 hex digits.

    Attributes:
        training: equal for trainings that would produce the same model.
        run: equal if one training can resume from the other's checkpoint. Stop criteria are left
            out, so a training that ran out of time resumes with a higher limit. Whether there is a
            time limit is included, because the learning rate then depends on the time.
    """

    training: str
    run: str


def compute_fingerprints(config: TrainingConfig, data: Mapping[str, str]) -> Fingerprints:
    """Return the fingerprints of a training.

    Args:
        config: hyperparameters.
        data: fingerprints of spec, renderer and image folder.
    """
    ignored = set(_NOT_TRAINED)
    if not config.confusable_fraction:
        ignored.add("confusable_sets")
    if not config.other_size_captchas:
        ignored.add("other_sizes")
    values: dict[str, Any] = config.model_dump(mode="json", exclude=ignored) | dict(data)
    run_values = {key: value for key, value in values.items() if key not in _STOP_CRITERIA}
    run_values["has_time_limit"] = config.max_minutes > 0
    return Fingerprints(training=fingerprint(values), run=fingerprint(run_values))
