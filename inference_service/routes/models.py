"""Description of the active model and of all versions."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from inference_service.model_loading import Source
from inference_service.routes.state import get_service, require_model
from shared.manifest import Metrics
from shared.schemas import ErrorBody, RestrictionBody

router = APIRouter()


class ModelBody(BaseModel):
    """Response of `GET /model`."""

    version: int
    source: Source
    engine: str
    spec: dict[str, Any]
    """The captchas that the model was trained for."""
    restriction: RestrictionBody
    """What a predicted text can be, unless the request says otherwise."""
    metrics: Metrics
    """Accuracy on the test set, and cost of the training."""
    created: str
    """UTC, ISO 8601."""
    config: dict[str, Any]
    """Hyperparameters."""
    rejected: dict[str, str]
    """Versions that cannot be used, with the reason."""


class VersionBody(BaseModel):
    """One version in the response of `GET /models`."""

    version: int
    source: Source
    active: bool
    matches: bool
    """Whether it predicts the captchas of the generator; true if these are not known."""
    rejected: str | None
    """Why it cannot be used."""
    spec: dict[str, Any] | None
    """The captchas that it was trained for; null if the manifest cannot be read."""
    accuracy: float | None
    """On the test set."""
    created: str | None
    """UTC, ISO 8601."""


class ModelsBody(BaseModel):
    """Response of `GET /models`."""

    generator: dict[str, Any] | None
    """The captchas that the generator renders; null if it has not responded yet."""
    versions: list[VersionBody]
    """The highest version first."""


@router.get("/model", responses={503: {"model": ErrorBody}})
async def model(request: Request) -> ModelBody:
    """Return the active version, and why other versions are rejected."""
    store = get_service(request).store
    active = require_model(store)
    manifest = active.model.manifest
    return ModelBody(
        version=active.model.version,
        source=active.model.source,
        engine=active.model.engine.name,
        spec=active.model.spec.to_dict(),
        restriction=RestrictionBody(**asdict(active.restriction)),
        metrics=manifest.metrics,
        created=manifest.created,
        config=manifest.config,
        rejected={str(version): reason for version, reason in store.rejected.items()},
    )


@router.get("/models")
async def models(request: Request) -> ModelsBody:
    """Return all versions, and which of them predict the captchas of the generator."""
    store = get_service(request).store
    # Read once: another thread replaces them.
    active, generator = store.active, store.generator
    return ModelsBody(
        generator=generator.to_dict() if generator else None,
        versions=[
            VersionBody(
                version=found.version,
                source=found.source,
                active=active is not None and found.version == active.model.version,
                matches=found.restriction is not None,
                rejected=store.rejected.get(found.version),
                spec=found.manifest.captcha_spec.to_dict() if found.manifest else None,
                accuracy=found.manifest.metrics.accuracy if found.manifest else None,
                created=found.manifest.created if found.manifest else None,
            )
            for found in store.versions
        ],
    )
