"""Liveness, readiness and metrics."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from inference_service.errors import Stopping
from inference_service.routes.state import get_service, require_model
from shared.http.schemas import ErrorBody

router = APIRouter()


class ReadyBody(BaseModel):
    """Response of `GET /ready`."""

    status: Literal["ready"] = "ready"
    version: int
    """The active version."""


# The lowest decorator is applied first, so its route answers both methods, and names both in the
# response to others. Those above only document them: the methods of one route would have the same
# operation id.
@router.get("/ping", response_class=PlainTextResponse)
@router.post("/ping", response_class=PlainTextResponse)
@router.api_route(
    "/ping",
    methods=["GET", "POST"],
    response_class=PlainTextResponse,
    include_in_schema=False,
)
async def ping() -> str:
    """Return "pong" while the process is alive."""
    return "pong"


@router.get("/ready", responses={503: {"model": ErrorBody}})
async def ready(request: Request) -> ReadyBody:
    """Return the active version, or 503 if this replica cannot predict."""
    if request.app.state.is_draining:
        raise Stopping("this replica is stopping; retry later")
    return ReadyBody(version=require_model(get_service(request).store).model.version)


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Return the metrics in the Prometheus text format."""
    return Response(get_service(request).metrics.render(), media_type=CONTENT_TYPE_LATEST)
