"""Prediction of one captcha."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from inference_service.prediction import PredictOptions
from inference_service.request_restriction import RestrictionQuery
from inference_service.routes.state import get_service, require_model
from shared.schemas import PredictBody, PredictRequest

router = APIRouter()

_FAILURES: dict[int | str, dict[str, Any]] = {
    status: {"model": PredictBody, "description": description}
    for status, description in {
        400: "No image in the request, or an invalid form, JSON or base64.",
        408: "The request did not arrive in time.",
        413: "A body of more than 1 MB or an image of more than a million pixels.",
        415: "Neither multipart nor JSON.",
        422: "Not an image, damaged or animated, or a restriction that no prediction can meet.",
        503: "No model, or too many requests; retry after the seconds in Retry-After.",
    }.items()
}
_DOCUMENTATION: dict[str, Any] = {
    "parameters": RestrictionQuery.describe(),
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image"],
                    "properties": {"image": {"type": "string", "format": "binary"}},
                }
            },
            "application/json": {"schema": PredictRequest.model_json_schema()},
        },
    },
}


@router.post(
    "/predict",
    response_model=PredictBody,
    response_model_exclude_none=True,
    responses=_FAILURES,
    openapi_extra=_DOCUMENTATION,
)
async def predict(
    request: Request,
    details: Annotated[bool, Query(description="Add confidences, version and times.")] = False,
) -> Response:
    """Predict the text of a captcha."""
    service = get_service(request)
    # Fail before the body is received.
    active = require_model(service.store)
    query = RestrictionQuery.read(request)
    restriction = query.restrict(active.model.spec, active.restriction)
    async with service.receiver.receive(request) as body:
        # Queued only now, so that a client that sends slowly does not occupy a queue slot.
        options = PredictOptions(details, active.model, restriction)
        content = await service.predictor.predict(body, options)
    return Response(content, media_type="application/json")
