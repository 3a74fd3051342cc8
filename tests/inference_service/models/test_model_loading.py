from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from inference_service.engines import OpenVinoEngine
from inference_service.errors import EngineError, GoldenCheckError
from inference_service.models.model_loading import load_version
from shared.captchas.restriction import Restriction
from shared.captchas.spec import CaptchaSpec
from shared.versions.artifacts import ArtifactError
from tests.inference_service import versions as damages
from tests.inference_service.captchas import Captcha, draw, draw_captchas, stack
from tests.inference_service.engines import BrokenEngine, NanEngine, load_band_engine
from tests.inference_service.versions import publish_fake

SPEC = CaptchaSpec()
WHOLE = Restriction.from_spec(SPEC)
VARIABLE = CaptchaSpec("0123456789ABCDEF", length=6, min_length=3)


def test_a_loaded_version_predicts_the_texts_of_captchas(
    models: Path, captchas: list[Captcha]
) -> None:
    model = load_version(models / "1", load_band_engine)
    assert (model.version, model.source) == (1, "volume")
    predictions = model.predict(stack(captchas), [WHOLE] * len(captchas))
    assert [p.text for p in predictions] == [c.text for c in captchas]
    assert predictions[0].confidences.shape == (4,)
    assert predictions[0].confidence == pytest.approx(predictions[0].confidences.prod(), rel=1e-4)


def test_each_image_of_a_batch_is_predicted_within_its_own_restriction(tmp_path: Path) -> None:
    model = load_version(publish_fake(tmp_path / "captcha", VARIABLE), load_band_engine)
    captchas = draw_captchas(VARIABLE, seed=1, count=60)
    choices = [
        Restriction.from_spec(VARIABLE),
        Restriction("0123456789", 3, 6),
        Restriction("AF", 4, 4),
        Restriction(VARIABLE.charset, 3, 3),
    ]
    restrictions = [choices[i % len(choices)] for i in range(len(captchas))]
    together = model.predict(stack(captchas), restrictions)
    for captcha, restriction, prediction in zip(captchas, restrictions, together, strict=True):
        (alone,) = model.predict(captcha.image[np.newaxis], [restriction])
        assert prediction.text == alone.text
        assert prediction.confidence == pytest.approx(alone.confidence)
        assert prediction.confidences == pytest.approx(alone.confidences)
        assert set(prediction.text) <= set(restriction.charset)
        assert restriction.min_length <= len(prediction.text) <= restriction.max_length
    assert [p.text for p in together[::4]] == [c.text for c in captchas[::4]]


def test_a_captcha_outside_the_restriction_gets_a_low_confidence(tmp_path: Path) -> None:
    model = load_version(publish_fake(tmp_path / "captcha", VARIABLE), load_band_engine)
    images = stack([draw("1234", VARIABLE), draw("ABCD", VARIABLE)])
    inside, outside = model.predict(images, [Restriction("0123456789", 4, 4)] * 2)
    assert inside.text == "1234"
    assert inside.confidence > 0.8
    assert outside.confidence < 0.01


def test_an_engine_that_cannot_run_a_version_is_an_error_with_the_reason(
    real_versions: Path,
) -> None:
    spec = load_version(real_versions / "1", OpenVinoEngine).spec
    shapes = [(spec.length, spec.classes - missing) for missing in (0, 2)]
    damages.claim_a_smaller_charset(real_versions / "1")
    expected = "the model's output has shape {}, its spec requires {}".format(*shapes)
    with pytest.raises(EngineError, match=re.escape(expected)):
        load_version(real_versions / "1", OpenVinoEngine)
    damages.publish_an_invalid_graph(real_versions / "1")
    with pytest.raises(EngineError, match="RuntimeError"):
        load_version(real_versions / "1", OpenVinoEngine)


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (damages.flip_a_byte, ArtifactError, "was changed: its SHA-256"),
        (damages.claim_other_characters, GoldenCheckError, "the golden sample was predicted as"),
        (
            damages.reverse_golden_probabilities,
            GoldenCheckError,
            "the golden sample was predicted as '9999', the trainer predicted '9999'"
            " (probabilities differ by up to 0.98)",
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
        load_version(versions / "1", load_band_engine)


def test_weights_that_are_nan_fail_the_golden_check(models: Path) -> None:
    with pytest.raises(GoldenCheckError, match="the golden sample was predicted as"):
        load_version(models / "1", lambda _, spec: NanEngine(spec))


def test_an_engine_that_fails_on_the_golden_sample_is_an_engine_error(models: Path) -> None:
    engine = BrokenEngine(SPEC)
    load_version(models / "1", lambda *_: engine)
    with pytest.raises(EngineError, match="predicting the golden sample failed: the engine is out"):
        load_version(models / "1", lambda *_: engine)
