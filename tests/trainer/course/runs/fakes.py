"""Histories and a workspace without any training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from shared.captchas.dataset_archive import Dataset
from tests.conftest import SPEC
from trainer.course.runs.history import COLUMNS, Row
from trainer.course.runs.run import Run
from trainer.course.workspace import CourseWorkspace
from trainer.data.dataset_requests import CaptchaSource, DatasetRequest

RUN = Run("compact", "adam", "categorical_crossentropy", 0.001, 20, epochs=2)


class DrawingClient:
    """Draws captchas whose brightness depends on their first digit, and keeps the requests."""

    def __init__(self) -> None:
        self.requests: list[DatasetRequest] = []

    def fetch(self, request: DatasetRequest) -> Iterator[Dataset]:
        self.requests.append(request)
        rng = np.random.default_rng((request.seed, request.start))
        digits = rng.integers(0, 10, (request.count, SPEC.length))
        images = np.zeros((request.count, SPEC.height, SPEC.width), np.uint8)
        images += (25 * digits[:, :1, np.newaxis]).astype(np.uint8)
        texts = ["".join(map(str, row)) for row in digits]
        yield Dataset(SPEC, "renderer", request.seed, request.start, images, texts)


def build_workspace(directory: Path, **fields: int) -> CourseWorkspace:
    source = CaptchaSource(SPEC, {}, "renderer")
    return CourseWorkspace(directory, DrawingClient(), source, "tiny", **fields)  # type: ignore[arg-type]


def build_rows(losses: Sequence[float], exact_match: float = 0.5) -> list[Row]:
    """Return a history with these training losses."""
    values = dict.fromkeys(COLUMNS, exact_match)
    return [
        values | {"epoch": epoch, "loss": loss, "val_loss": loss, "seconds": 10.0 * epoch}
        for epoch, loss in enumerate(losses, 1)
    ]
