"""Bodies of the HTTP APIs."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from shared.http.schemas import (
    CaptchaBody,
    CharacterConfidence,
    ErrorBody,
    PredictBody,
    PredictDetails,
    PredictRequest,
    RestrictionBody,
    SpecBody,
)


def test_the_response_of_predict_has_the_three_fields_of_the_course() -> None:
    body = PredictBody(success=True, prediction="2140", debug="predicted")
    assert body.model_dump(exclude_none=True) == {
        "success": True, "prediction": "2140", "debug": "predicted",
    }  # fmt: skip
    for name in ("success", "prediction", "debug"):
        with pytest.raises(ValidationError, match=name):
            PredictBody(**{k: v for k, v in body.model_dump().items() if k != name})


def test_details_describe_the_prediction() -> None:
    details = PredictDetails(
        characters=[CharacterConfidence(character="2", confidence=0.9)],
        confidence=0.9,
        restriction=RestrictionBody(charset="12", min_length=1, max_length=1),
        version=1,
        engine="openvino",
        decode_ms=0.1,
        model_ms=0.2,
        batch_size=3,
    )
    body = PredictBody(success=True, prediction="2", debug="", details=details).model_dump()
    assert body["details"] == {
        "characters": [{"character": "2", "confidence": 0.9}], "confidence": 0.9,
        "restriction": {"charset": "12", "min_length": 1, "max_length": 1}, "version": 1,
        "engine": "openvino", "decode_ms": 0.1, "model_ms": 0.2, "batch_size": 3,
    }  # fmt: skip


def test_a_captcha_can_be_posted_to_predict_unchanged() -> None:
    captcha = CaptchaBody(text="2140", image="aW1hZ2U=", seed=7, spec={"length": 4})
    assert captcha.model_dump() == {
        "text": "2140", "image": "aW1hZ2U=", "seed": 7, "spec": {"length": 4},
    }  # fmt: skip
    assert PredictRequest.model_validate(captcha.model_dump()).model_dump() == {"image": "aW1hZ2U="}


@pytest.mark.parametrize("body", [{}, {"image": 5}, {"image": None}, {"image": b"aW1hZ2U="}])
def test_a_request_without_a_text_as_image_is_invalid(body: dict) -> None:
    with pytest.raises(ValidationError, match="image"):
        PredictRequest.model_validate(body)


@pytest.mark.parametrize("value", ["0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF", ""])
def test_the_renderer_fingerprint_has_16_hex_digits(value: str) -> None:
    fields: dict[str, Any] = {"spec": {}, "fingerprint": "f", "renderer": {}}
    good = SpecBody(**fields, renderer_fingerprint="0123456789abcdef")
    assert good.model_dump() == {**fields, "renderer_fingerprint": "0123456789abcdef"}
    with pytest.raises(ValidationError, match="renderer_fingerprint"):
        SpecBody(**fields, renderer_fingerprint=value)


def test_an_error_has_one_field() -> None:
    assert ErrorBody(detail="why").model_dump() == {"detail": "why"}
