"""Captchas with the texts of the slides, and what the bundled model predicts for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shared.captchas.spec import CaptchaSpec
from tests.conftest import SPEC
from tests.trainer.course.illustrations.generator import build_workspace
from trainer.course.illustrations.example_captchas import (
    choose_text,
    fetch_captcha,
    predict_bundled,
)
from trainer.errors import TrainingError


def test_the_text_of_the_slides_is_chosen_if_the_spec_allows_it() -> None:
    assert choose_text(SPEC, "6046") == "6046"


@pytest.mark.parametrize("spec", [CaptchaSpec("ABC", 5), CaptchaSpec("0123456789", 6)])
def test_another_spec_gets_a_text_of_its_own_that_never_changes(spec: CaptchaSpec) -> None:
    text = choose_text(spec, "6046")
    spec.check_text(text)
    assert choose_text(spec, "6046") == text
    assert choose_text(spec, "3935") != text


def test_the_generator_is_asked_for_the_text_and_the_style(tmp_path: Path) -> None:
    workspace, client = build_workspace(tmp_path, SPEC.with_style("line"))
    captcha = fetch_captcha(workspace, "6046")
    assert client.requests == [("/captcha.png", {"text": "6046", "seed": 1, "style": "line"})]
    assert captcha.text == "6046"
    assert captcha.colour.shape == (60, 160, 3)


@pytest.mark.slow
def test_a_prediction_is_restricted_to_the_captchas(tmp_path: Path) -> None:
    workspace, _ = build_workspace(tmp_path, SPEC)
    captchas = [fetch_captcha(workspace, text) for text in ("6046", "3935")]
    predictions = predict_bundled(captchas, SPEC)
    assert [prediction.text for prediction in predictions] == ["6046", "3935"]
    for prediction in predictions:
        assert prediction.probabilities.shape == (4, 10)
        np.testing.assert_allclose(prediction.probabilities.sum(axis=1), 1, rtol=1e-5)
        best = prediction.probabilities.argmax(axis=1)
        assert "".join(SPEC.charset[i] for i in best) == prediction.text
        np.testing.assert_allclose(
            prediction.character_confidences, prediction.probabilities.max(axis=1), rtol=1e-4
        )
        assert 0.5 < prediction.confidence <= 1


@pytest.mark.slow
def test_captchas_that_the_bundled_model_does_not_know_are_an_error(tmp_path: Path) -> None:
    spec = CaptchaSpec("+-", 4)
    workspace, _ = build_workspace(tmp_path, spec)
    with pytest.raises(TrainingError, match=r"bundled model.*CAPTCHA_CHARSET"):
        predict_bundled([fetch_captcha(workspace, "++--")], spec)
