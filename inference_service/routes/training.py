"""Status of the training that runs on the models volume."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from inference_service.routes.state import get_volume
from shared.http.schemas import ErrorBody
from shared.versions.training_status import (
    TRAINING_STATUS,
    TrainingStatus,
    TrainingStatusError,
    read_training_status,
)

router = APIRouter()

_RESPONSES: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorBody, "description": "No training has run on this models volume yet."},
    503: {"model": ErrorBody, "description": "The status cannot be read."},
}


class TrainingBody(TrainingStatus):
    """Response of `GET /training`."""

    stale: bool
    """Whether a trainer that should run has written nothing for 60 s: it was killed, or its machine
    is overloaded."""


# Not `async`: FastAPI runs it on a thread, because it reads the disk. It also serialises there.
@router.get("/training", response_model=TrainingBody, responses=_RESPONSES)
def training(request: Request) -> Response:
    """Return the status of the training that runs, or of the last one."""
    return respond_uncached(describe_training(request).model_dump_json())


def describe_training(request: Request) -> TrainingBody:
    """Return the status on the models volume.

    Raises:
        HTTPException: 404 if there is none, 503 if it cannot be read.
    """
    try:
        status = _find(get_volume(request))
    except TrainingStatusError as error:
        raise HTTPException(503, str(error)) from error
    if status is None:
        raise HTTPException(404, "no training has run on this models volume yet")
    return TrainingBody.model_construct(**dict(status), stale=status.is_stale(datetime.now(UTC)))


def respond_uncached(json: str) -> Response:
    """Return a response that no cache keeps."""
    return Response(json, media_type="application/json", headers={"Cache-Control": "no-store"})


def _find(directory: Path) -> TrainingStatus | None:
    try:
        found = (directory / TRAINING_STATUS).lstat()
    except OSError:
        return None
    return _read(directory, (found.st_mtime_ns, found.st_ino, found.st_size))


@lru_cache(maxsize=1)
def _read(directory: Path, _file: tuple[int, int, int]) -> TrainingStatus | None:
    """Read the status once per version of the file, and again after an error."""
    return read_training_status(directory)
