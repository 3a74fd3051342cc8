"""Captchas of different lengths, from the network that reads them to the answer."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest

from generator_service.drawing import draw_grey, draw_text
from inference_service.engines import LOADERS
from inference_service.models import load_version
from shared.artifacts import ManifestDraft, publish, verify
from shared.labels import best_indices, decode, encode
from shared.spec import CaptchaSpec
from trainer.dataset import Split
from trainer.export import choose_golden, export, load_exported
from trainer.networks import build_recogniser

SPEC = CaptchaSpec("ABC", length=5, min_length=2, width=120, height=40)


@pytest.fixture(scope="module")
def version(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model: what it reads is random, but of every length."""
    keras.utils.set_random_seed(3)
    recogniser = build_recogniser("compact", SPEC)
    directory = tmp_path_factory.mktemp("varied")
    export(recogniser, SPEC, directory)
    texts = [draw_text(SPEC, 1, i) for i in range(50)]
    images = np.stack([draw_grey(SPEC, (), text, 1, i) for i, text in enumerate(texts)])
    golden = choose_golden(load_exported(directory), Split(images, encode(texts, SPEC)), SPEC)
    known = verify(models / "1").model_dump(exclude={"files"})
    draft = ManifestDraft(**known | {"spec": SPEC.to_dict(), "golden": golden.model_dump()})
    root = tmp_path_factory.mktemp("models") / "captcha"
    publish(directory, root, draft)
    return root / "1"


@pytest.mark.parametrize("engine", LOADERS)
def test_each_engine_answers_texts_that_the_spec_allows(version: Path, engine: str) -> None:
    model = load_version(version, partial(LOADERS[engine], threads=1))
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (200, SPEC.height, SPEC.width), dtype=np.uint8)
    readings = model.read(images)
    probabilities = model.engine.predict(images)
    assert [r.text for r in readings] == decode(best_indices(probabilities, SPEC), SPEC)
    for reading, rows in zip(readings, probabilities, strict=True):
        SPEC.check_text(reading.text)
        assert len(reading.confidences) == len(reading.text)
        # Of the whole text: that it ends where it does is part of what may be wrong.
        length = len(reading.text)
        expected = reading.confidences.prod() * rows[length:, -1].prod()
        assert reading.confidence == pytest.approx(expected, rel=1e-4)
