"""Engines for tests: without a model, held up, or failing."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np

from inference_service.engines import Engine, Images, Probabilities
from shared.captchas.spec import CaptchaSpec

# The correct class gets a probability of 0.96, its neighbours 0.02 each.
_SHARPNESS = 4.0


class BandEngine:
    """Predicts the captchas of `draw` from the grey level of each band."""

    name = "fake"
    preferred_batch_size = 8
    on_event_loop = True
    load_timeout_s = 1.0

    def __init__(self, spec: CaptchaSpec) -> None:
        self._spec = spec

    def predict(self, images: Images) -> Probabilities:
        spec = self._spec
        centres = ((np.arange(spec.length) + 0.5) * spec.width / spec.length).astype(int)
        greys = images[:, spec.height // 2, centres].astype(np.float64)  # (N, length)
        levels = greys * (spec.classes - 1) / 255
        distances = levels[..., np.newaxis] - np.arange(spec.classes)
        scores = np.exp(-_SHARPNESS * distances**2)
        probabilities: Probabilities = (scores / scores.sum(axis=2, keepdims=True)).astype("f4")
        return probabilities


def load_band_engine(directory: Path, spec: CaptchaSpec) -> BandEngine:
    """Load a version of `publish_fake`."""
    return BandEngine(spec)


class NanEngine(BandEngine):
    def predict(self, images: Images) -> Probabilities:
        return np.full_like(super().predict(images), np.nan)


class SlowEngine(BandEngine):
    """Takes 2 ms per call, so that parallel requests are predicted in batches."""

    def predict(self, images: Images) -> Probabilities:
        time.sleep(0.002)
        return super().predict(images)


class GatedEngine(BandEngine):
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


class BrokenEngine(BandEngine):
    """Fails after the golden check."""

    def __init__(self, spec: CaptchaSpec) -> None:
        super().__init__(spec)
        self._calls = 0

    def predict(self, images: Images) -> Probabilities:
        self._calls += 1
        if self._calls > 1:
            raise MemoryError("the engine is out of memory")
        return super().predict(images)
