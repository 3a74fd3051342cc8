"""Routes for operation: liveness, readiness and metrics."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from generator_service.routes.dependencies import UNAVAILABLE, AppServices

router = APIRouter()


@router.get("/ping", response_class=PlainTextResponse)
@router.post("/ping", response_class=PlainTextResponse)
async def ping() -> str:
    """Return `pong` while the process runs."""
    return "pong"


@router.get("/ready", responses=UNAVAILABLE)
async def show_readiness(services: AppServices) -> dict[str, str]:
    """Return 200 after the worker processes have rendered, 503 before."""
    services.readiness.check()
    return {"status": "ready", "fingerprint": services.pool.spec.fingerprint}


@router.get("/metrics", response_class=Response)
async def show_metrics(services: AppServices) -> Response:
    """Return the metrics in the Prometheus text format."""
    return Response(services.metrics.to_text(), media_type=CONTENT_TYPE_LATEST)
