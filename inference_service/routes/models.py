"""Description of the active model."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from inference_service.model_loading import Source
from inference_service.routes.state import get_service, require_model
from shared.manifest import Metrics
from shared.schemas import ErrorBody

router = APIRouter()


class ModelBody(BaseModel):
    """Response of `GET /model`."""

    version: int
    source: Source
    engine: str
    spec: dict[str, Any]
    """The captchas that the model predicts."""
    metrics: Metrics
    """Accuracy on the test set, and cost of the training."""
    created: str
    """UTC, ISO 8601."""
    config: dict[str, Any]
    """Hyperparameters."""
    rejected: dict[str, str]
    """Versions that cannot be used, with the reason."""


@router.get("/model", responses={503: {"model": ErrorBody}})
async def model(request: Request) -> ModelBody:
    """Return the active version, and why other versions are rejected."""
    store = get_service(request).store
    active = require_model(store)
    return ModelBody(
        version=active.version,
        source=active.source,
        engine=active.engine.name,
        spec=active.spec.to_dict(),
        metrics=active.manifest.metrics,
        created=active.manifest.created,
        config=active.manifest.config,
        rejected={str(version): reason for version, reason in store.rejected.items()},
    )
