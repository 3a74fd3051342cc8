"""Figures and history of a version."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from inference_service.models.model_files import get_media_type, list_shown_files, read_verified
from inference_service.routes.revalidation import respond_unless_current
from inference_service.routes.state import get_service
from shared.http.schemas import ErrorBody
from shared.versions.artifacts import ArtifactError

router = APIRouter()

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file.",
        "content": {kind: {} for kind in ("image/png", "text/csv", "application/json")},
    },
    304: {"description": "The client has the file."},
    404: {"model": ErrorBody, "description": "No such version or file."},
}


# Not `async`: FastAPI runs it on a thread, because it reads the disk.
@router.get("/models/{version}/files/{name}", response_class=Response, responses=_RESPONSES)
def model_file(
    request: Request,
    version: Annotated[str, Path(description="Number of the version.")],
    name: Annotated[str, Path(description="Name of a file in `GET /models`.")],
    if_none_match: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """Return a file of a version, if it is the one in the manifest."""
    versions = get_service(request).store.versions
    found = next((found for found in versions if str(found.version) == version), None)
    if found is None or found.manifest is None:
        raise HTTPException(404, "there is no such version; GET /models lists all versions")
    record = list_shown_files(found.manifest).get(name)
    if record is None:
        raise HTTPException(404, "the version has no such file; GET /models lists its files")
    try:
        # Not `immutable`: after a rollback, the next version has the number of the removed one.
        return respond_unless_current(
            partial(read_verified, found.directory, name, record),
            record.sha256,
            if_none_match,
            get_media_type(name),
        )
    except ArtifactError as error:
        raise HTTPException(404, str(error)) from error
