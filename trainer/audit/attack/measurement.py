"""One measurement of the attacker, and the directory that keeps the finished ones."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from shared.replaced_file import replace_file
from shared.versions.manifest import Accuracy
from trainer.audit.results import Init
from trainer.evaluation.accuracy import measure_accuracy

log = logging.getLogger(__name__)


class Measurement(BaseModel):
    """The predictions of an attacker for all test captchas."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    init: Init
    labels: int
    unlabelled: int = 0
    steps: int
    parameters: int
    train_cpu_s: float
    ms_per_attempt: float
    """CPU milliseconds of one prediction of one image."""
    seconds: float
    """Wall time of training and predictions."""
    texts: tuple[str, ...]
    """Labels of the test captchas."""
    predictions: tuple[str, ...]
    confidences: tuple[float, ...]

    @property
    def is_correct(self) -> npt.NDArray[np.bool_]:
        """Whether every character is correct, bool (N,)."""
        return np.array([t == p for t, p in zip(self.texts, self.predictions, strict=True)])

    @property
    def correct_characters(self) -> int:
        """Characters of all captchas that are predicted at their position."""
        pairs = zip(self.texts, self.predictions, strict=True)
        return sum(a == b for text, guess in pairs for a, b in zip(text, guess, strict=False))

    @property
    def accuracy(self) -> Accuracy:
        """Exact-match accuracy with its 95 % interval."""
        return measure_accuracy(self.is_correct)


class MeasurementStore:
    """Finished measurements, one JSON file each, so that a stopped audit resumes."""

    def __init__(self, directory: Path) -> None:
        """Create the directory.

        Args:
            directory: of one audit; another setting, seed, mode or attacker needs another one.
        """
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory

    def load(self, name: str) -> Measurement | None:
        """Return a measurement; None if there is none or its file is damaged."""
        path = self._path(name)
        try:
            return Measurement.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError:
            log.warning("%s is damaged; it is measured again", path.name)
            return None

    def save(self, name: str, measurement: Measurement) -> None:
        """Write a measurement atomically."""
        with replace_file(self._path(name)) as partial:
            partial.write_text(measurement.model_dump_json())

    def _path(self, name: str) -> Path:
        return self._directory / f"{name}.json"
