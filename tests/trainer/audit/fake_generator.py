"""A client whose generator renders noise in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from shared.captchas.dataset_archive import Dataset
from shared.captchas.spec import CaptchaSpec
from trainer.data.dataset_requests import CaptchaSource, DatasetRequest
from trainer.data.generator_client import GeneratorClient
from trainer.errors import GeneratorError

RENDERER = "0123456789abcdef"


class FakeGenerator(GeneratorClient):
    """Renders images of which `different` are different, and rejects some specs."""

    def __init__(
        self,
        running: CaptchaSpec,
        different: int = 2**31,
        reject: Callable[[CaptchaSpec], str | None] = lambda spec: None,
    ) -> None:
        self._running, self._different, self._reject = running, different, reject
        self.requests: list[DatasetRequest] = []
        self.caches: list[Path] = []

    def with_cache(self, cache: Path) -> FakeGenerator:
        self.caches.append(cache)
        return self

    def wait_ready(self, timeout_s: float) -> CaptchaSource:
        return self.describe(self._running)

    def describe(self, spec: CaptchaSpec) -> CaptchaSource:
        if reason := self._reject(spec):
            raise GeneratorError(f"the generator rejects the request: {reason}")
        return CaptchaSource(spec, {"captcha": "0.7.1"}, RENDERER)

    def fetch(self, request: DatasetRequest) -> Iterator[Dataset]:
        self.requests.append(request)
        spec = request.source.spec
        rng = np.random.default_rng(request.seed)
        numbers = rng.integers(self._different, size=request.count)
        images = np.stack([
            np.random.default_rng(n).integers(0, 256, (spec.height, spec.width), np.uint8)
            for n in numbers
        ])  # fmt: skip
        texts = ["".join(rng.choice([*spec.charset], spec.length)) for _ in numbers]
        yield Dataset(spec, RENDERER, request.seed, request.start, images, texts)
