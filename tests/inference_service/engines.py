"""Engines for tests: without a model, held up, or failing."""

from __future__ import annotations

import threading

import numpy as np

from inference_service.engines import Engine, Images, Probabilities
from shared.artifacts import read_manifest
from shared.bundled_model import BUNDLED_MODEL

_GOLDEN = np.array(read_manifest(BUNDLED_MODEL / "0").golden.probabilities, np.float32)


class FakeEngine:
    """Predicts the golden sample of the bundled model for every image."""

    name = "fake"
    preferred_batch_size = 8
    batch_delay_ms = 0.0
    load_timeout_s = 1.0

    def predict(self, images: Images) -> Probabilities:
        return np.repeat(_GOLDEN[np.newaxis], len(images), axis=0)


class NanEngine(FakeEngine):
    def predict(self, images: Images) -> Probabilities:
        return np.full((len(images), *_GOLDEN.shape), np.nan, np.float32)


class GatedEngine(FakeEngine):
    """Predicts with another engine while `gate` is set, and waits while it is clear."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.gate = threading.Event()
        self.gate.set()
        self.is_waiting = threading.Event()

    def predict(self, images: Images) -> Probabilities:
        if not self.gate.is_set():
            self.is_waiting.set()
            assert self.gate.wait(30)
        return self._engine.predict(images)


class BrokenEngine(FakeEngine):
    """Fails after the golden check."""

    def __init__(self) -> None:
        self._calls = 0

    def predict(self, images: Images) -> Probabilities:
        self._calls += 1
        if self._calls > 1:
            raise MemoryError("the engine is out of memory")
        return super().predict(images)
