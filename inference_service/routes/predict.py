"""Prediction of one captcha, and of several in one request."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from inference_service.prediction.batch_prediction import PredictOptions
from inference_service.requests.request_body import (
    MAX_BATCH_BODY_BYTES,
    MAX_BODY_BYTES,
    find_max_bytes,
)
from inference_service.requests.request_restriction import RestrictionQuery
from inference_service.routes.state import ServiceState, get_service, require_model
from shared.http.schemas import (
    MAX_BATCH_IMAGES,
    PredictBatchBody,
    PredictBatchRequest,
    PredictBody,
    PredictRequest,
)

PATHS = frozenset({"/predict", "/predict/batch"})
"""Routes whose error responses have the three fields of a prediction."""

router = APIRouter()

Details = Annotated[bool, Query(description="Add confidences, version and times.")]

_FAILURES = {
    400: "No image in the request, or an invalid form, JSON or base64.",
    408: "The request did not arrive in time.",
    413: f"An image or form of more than {MAX_BODY_BYTES:,} bytes or a million pixels.",
    415: "Neither multipart nor JSON.",
    422: "Not an image, damaged or animated, or a restriction that no prediction can meet.",
    503: "No model, or too many requests; retry after the seconds in Retry-After.",
}
_BATCH_FAILURES = {
    **_FAILURES,
    400: f"No image in the request or more than {MAX_BATCH_IMAGES}, or an invalid form or JSON.",
    413: f"A body of more than {MAX_BATCH_BODY_BYTES:,} bytes.",
    422: "A restriction that no prediction can meet.",
}
_IMAGE = {"type": "string", "format": "binary"}
_IMAGES = {"type": "array", "items": _IMAGE, "minItems": 1, "maxItems": MAX_BATCH_IMAGES}


def _describe_failures(failures: dict[int, str]) -> dict[int | str, dict[str, Any]]:
    return {
        status: {"model": PredictBody, "description": description}
        for status, description in failures.items()
    }


def _describe_request(json: type[BaseModel], image: dict[str, Any]) -> dict[str, Any]:
    form = {"type": "object", "required": ["image"], "properties": {"image": image}}
    return {
        "parameters": RestrictionQuery.describe(),
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": form},
                "application/json": {"schema": json.model_json_schema()},
            },
        },
    }


@router.post(
    "/predict",
    response_model=PredictBody,
    response_model_exclude_none=True,
    responses=_describe_failures(_FAILURES),
    openapi_extra=_describe_request(PredictRequest, _IMAGE),
)
async def predict(request: Request, details: Details = False) -> Response:
    """Predict the text of a captcha."""
    service = get_service(request)
    options = _read_options(service, request, details)
    async with service.receiver.receive(request, find_max_bytes(request)) as body:
        # Queued only now, so that a client that sends slowly does not occupy a queue slot.
        content = await service.predictor.predict(body, options)
    return Response(content, media_type="application/json")


@router.post(
    "/predict/batch",
    response_model=PredictBatchBody,
    response_model_exclude_none=True,
    responses=_describe_failures(_BATCH_FAILURES),
    openapi_extra=_describe_request(PredictBatchRequest, _IMAGES),
)
async def predict_batch(request: Request, details: Details = False) -> Response:
    """Predict the texts of up to 64 captchas, all by the same version.

    The result of an image that cannot be predicted has `success` false and the reason in `debug`.
    """
    service = get_service(request)
    options = _read_options(service, request, details)
    async with service.receiver.receive(request, MAX_BATCH_BODY_BYTES) as body:
        content = await service.predictor.predict_all(body, options)
    return Response(content, media_type="application/json")


def _read_options(service: ServiceState, request: Request, details: bool) -> PredictOptions:
    """Return what a request asks for, before its body is received."""
    active = require_model(service.store)
    restriction = RestrictionQuery.read(request).restrict(active.model.spec, active.restriction)
    return PredictOptions(details, active.model, restriction)
