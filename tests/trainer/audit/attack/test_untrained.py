from __future__ import annotations

import numpy as np

from shared.captchas.restriction import Restriction
from shared.captchas.spec import CaptchaSpec
from trainer.audit.attack.untrained import UntrainedAttacker
from trainer.audit.captchas.coverage import describe_unknown, restrict

MODEL = CaptchaSpec(charset="0123456789abc", length=8, min_length=3)


def test_predictions_are_restricted_to_what_the_captchas_can_show() -> None:
    assert restrict(MODEL, CaptchaSpec(charset="0123")) == Restriction("0123", 4, 4)


def test_what_the_model_does_not_know_is_left_out() -> None:
    spec = CaptchaSpec(charset="01?", length=10, min_length=2)

    assert restrict(MODEL, spec) == Restriction("01", 3, 8)


def test_captchas_that_the_model_cannot_predict_are_wrong() -> None:
    spec = CaptchaSpec(charset="?!", length=4)

    predictions = UntrainedAttacker(spec).predict(np.zeros((2, 60, 160), np.uint8))

    assert predictions.texts == ["", ""]
    assert predictions.confidences.tolist() == [0, 0]


def test_images_of_any_size_are_predicted() -> None:
    spec = CaptchaSpec(charset="01", length=3, width=90, height=40)

    predictions = UntrainedAttacker(spec).predict(np.full((2, 40, 90), 255, np.uint8))

    assert [len(text) for text in predictions.texts] == [3, 3]


def test_a_warning_names_unknown_characters_and_lengths() -> None:
    assert describe_unknown(CaptchaSpec()) is None
    warning = describe_unknown(CaptchaSpec(charset="01?", length=12))
    assert warning is not None
    assert "'?'" in warning
    assert "3 to 8" in warning
