from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from inference_service.engines import OpenVinoEngine
from inference_service.errors import EngineError, GoldenCheckError
from inference_service.model_loading import load_version
from shared.artifacts import ArtifactError
from tests.inference_service import versions as damages
from tests.inference_service.captchas import Captcha, stack
from tests.inference_service.engines import BrokenEngine, NanEngine

load_openvino = partial(OpenVinoEngine, threads=1)


def test_a_loaded_version_predicts_the_texts_of_captchas(
    models: Path, captchas: list[Captcha]
) -> None:
    model = load_version(models / "1", load_openvino)
    assert (model.version, model.source) == (1, "volume")
    predictions = model.predict(stack(captchas))
    correct = sum(p.text == c.text for p, c in zip(predictions, captchas, strict=True))
    assert correct >= 0.98 * len(captchas)
    assert predictions[0].confidences.shape == (4,)
    assert predictions[0].confidence == pytest.approx(predictions[0].confidences.prod(), rel=1e-4)


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (damages.flip_a_byte, ArtifactError, "was changed: its SHA-256"),
        (
            damages.claim_a_smaller_charset,
            EngineError,
            "the model's output has shape (4, 10), its spec requires (4, 8)",
        ),
        (damages.publish_an_invalid_graph, EngineError, "RuntimeError"),
        (damages.claim_other_characters, GoldenCheckError, "the golden sample was predicted as"),
        (
            damages.reverse_golden_probabilities,
            GoldenCheckError,
            "the golden sample was predicted as '6455', the trainer predicted '6455'"
            " (probabilities differ by up to 1)",
        ),
        (damages.shorten_a_golden_row, GoldenCheckError, "the golden sample is invalid"),
        (
            damages.drop_a_golden_row,
            GoldenCheckError,
            "the probabilities of the golden sample have shape (3, 10), the model's have (4, 10)",
        ),
    ],
)
def test_a_version_that_cannot_be_used_is_an_error_with_the_reason(
    versions: Path, damage: Callable[[Path], None], error: type[Exception], message: str
) -> None:
    damage(versions / "1")
    with pytest.raises(error, match=re.escape(message)):
        load_version(versions / "1", load_openvino)


def test_weights_that_are_nan_fail_the_golden_check(models: Path) -> None:
    with pytest.raises(GoldenCheckError, match="the golden sample was predicted as"):
        load_version(models / "1", lambda *_: NanEngine())


def test_an_engine_that_fails_on_the_golden_sample_is_an_engine_error(models: Path) -> None:
    engine = BrokenEngine()
    load_version(models / "1", lambda *_: engine)
    with pytest.raises(EngineError, match="predicting the golden sample failed: the engine is out"):
        load_version(models / "1", lambda *_: engine)
