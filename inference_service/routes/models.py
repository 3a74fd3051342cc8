"""Description of the active model and of all versions."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from inference_service.models.model_files import get_media_type, list_shown_files
from inference_service.models.model_loading import Source
from inference_service.models.model_store import ActiveModel
from inference_service.models.version_scan import FoundVersion
from inference_service.routes.state import get_service, get_volume, require_model
from shared.http.schemas import ErrorBody, RestrictionBody
from shared.versions.manifest import Manifest, Metrics
from shared.versions.sync_status import read_sync_status

router = APIRouter()


class SyncBody(BaseModel):
    """The last check of the object store."""

    checked: datetime
    """UTC, ISO 8601."""
    problems: tuple[str, ...]
    """What was not copied, and why."""


class PublicModelBody(BaseModel):
    """The part of `GET /model` for clients of the public port."""

    version: int
    spec: dict[str, Any]
    """The captchas that the model was trained for."""
    restriction: RestrictionBody
    """What a predicted text can be, unless the request says otherwise."""
    accuracy: float
    """Exact-match accuracy on the test captchas, 0 to 1."""
    accuracy_interval_95: tuple[float, float]
    test_captchas: int


class ModelBody(PublicModelBody):
    """Response of `GET /model`. The gateway's public port sends the fields of the base class."""

    source: Source
    engine: str
    metrics: Metrics
    """Accuracy on the test set, and cost of the training."""
    created: str
    """UTC, ISO 8601."""
    config: dict[str, Any]
    """Hyperparameters."""
    rejected: dict[str, str]
    """Versions that cannot be used, with the reason."""
    sync: SyncBody | None = None
    """What the sync service last found; null if no object store is used."""


class FileBody(BaseModel):
    """A file of a version: `GET /models/{version}/files/{name}`."""

    name: str
    media_type: str
    size_bytes: int


class PublicVersionBody(BaseModel):
    """The part of a version for clients of the public port."""

    version: int
    active: bool
    matches: bool
    """Whether it predicts the captchas of the generator; true if these are not known."""
    spec: dict[str, Any] | None
    """The captchas that it was trained for."""
    accuracy: float | None
    """Exact-match accuracy on the test captchas, 0 to 1."""
    accuracy_interval_95: tuple[float, float] | None
    test_captchas: int | None


class VersionBody(PublicVersionBody):
    """One version in the response of `GET /models`.

    Values of the manifest are null, and there are no files, if the manifest cannot be read.
    """

    source: Source
    engine: str | None
    """What runs it; null unless it is active."""
    rejected: str | None
    """Why it cannot be used."""
    created: str | None
    """UTC, ISO 8601."""
    size_bytes: int | None
    """Of all files, without the manifest."""
    files: list[FileBody]
    """Figures and history."""


class PublicModelsBody(BaseModel):
    """The part of `GET /models` for clients of the public port: versions that can be used."""

    generator: dict[str, Any] | None
    """The captchas that the generator renders; null if it has not responded yet."""
    versions: list[PublicVersionBody]
    """The highest version first."""


class ModelsBody(BaseModel):
    """Response of `GET /models`. The public port of the gateway sends `PublicModelsBody`."""

    generator: dict[str, Any] | None
    """The captchas that the generator renders; null if it has not responded yet."""
    versions: list[VersionBody]
    """The highest version first."""


# Not `async`: FastAPI runs it on a thread, because it reads the disk.
@router.get("/model", responses={503: {"model": ErrorBody}})
def model(request: Request) -> ModelBody:
    """Return the active version, and why other versions are rejected."""
    store = get_service(request).store
    active = require_model(store)
    manifest = active.model.manifest
    return ModelBody(
        version=active.model.version,
        spec=active.model.spec.to_dict(),
        restriction=RestrictionBody(**asdict(active.restriction)),
        accuracy=manifest.metrics.accuracy,
        accuracy_interval_95=manifest.metrics.accuracy_interval_95,
        test_captchas=manifest.metrics.n,
        source=active.model.source,
        engine=active.model.engine.name,
        metrics=manifest.metrics,
        created=manifest.created,
        config=manifest.config,
        rejected={str(version): reason for version, reason in store.rejected.items()},
        sync=_find_sync(get_volume(request)),
    )


def _find_sync(volume: Path) -> SyncBody | None:
    status = read_sync_status(volume)
    return SyncBody(checked=status.checked, problems=status.problems) if status else None


@router.get("/models")
async def models(request: Request) -> ModelsBody:
    """Return all versions, and which of them predict the captchas of the generator."""
    store = get_service(request).store
    # Read once: another thread replaces them.
    active, generator = store.active, store.generator
    return ModelsBody(
        generator=generator.to_dict() if generator else None,
        versions=[
            _describe(found, active, store.rejected.get(found.version) or found.problem or None)
            for found in store.versions
        ],
    )


def _describe(found: FoundVersion, active: ActiveModel | None, rejected: str | None) -> VersionBody:
    manifest = found.manifest
    metrics = manifest.metrics if manifest else None
    is_active = active is not None and found.version == active.model.version
    return VersionBody(
        version=found.version,
        source=found.source,
        active=is_active,
        matches=found.restriction is not None,
        engine=active.model.engine.name if active and is_active else None,
        rejected=rejected,
        spec=manifest.captcha_spec.to_dict() if manifest else None,
        accuracy=metrics.accuracy if metrics else None,
        accuracy_interval_95=metrics.accuracy_interval_95 if metrics else None,
        test_captchas=metrics.n if metrics else None,
        created=manifest.created if manifest else None,
        size_bytes=sum(file.size_bytes for file in manifest.files.values()) if manifest else None,
        files=_list_files(manifest) if manifest else [],
    )


def _list_files(manifest: Manifest) -> list[FileBody]:
    return [
        FileBody(name=name, media_type=get_media_type(name), size_bytes=record.size_bytes)
        for name, record in list_shown_files(manifest).items()
    ]
