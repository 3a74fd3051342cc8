"""Audit reports on the models volume."""

from __future__ import annotations

import hashlib
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from inference_service.routes.revalidation import respond_unless_current
from inference_service.routes.state import get_volume
from shared.http.schemas import ErrorBody
from shared.regular_files import read_regular
from shared.versions.version_index import AUDITS_DIR, MAX_AUDIT_FILE_BYTES, is_audit_name

router = APIRouter()

REPORT = "report.html"
# A report is one file without scripts; whatever it contains cannot act as this origin.
_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The report.", "content": {"text/html": {}}},
    304: {"description": "The client has the report."},
    404: {"model": ErrorBody, "description": "No such report, or it cannot be read."},
}


class AuditBody(BaseModel):
    """One report."""

    name: str
    created: str
    """UTC, ISO 8601."""


class AuditsBody(BaseModel):
    """Response of `GET /audits`."""

    audits: list[AuditBody]
    """The latest first."""


# Not `async`: FastAPI runs these on a thread, because they read the disk.
@router.get("/audits")
def audits(request: Request) -> AuditsBody:
    """Return the audit reports on the models volume."""
    return AuditsBody(
        audits=[
            AuditBody(name=name, created=datetime.fromtimestamp(time, UTC).isoformat())
            for time, name in sorted(_list_reports(get_volume(request)), reverse=True)
        ]
    )


@router.get("/audits/{name}/report.html", response_class=Response, responses=_RESPONSES)
def report(
    request: Request,
    name: str,
    if_none_match: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """Return one report as HTML."""
    if not is_audit_name(name):
        raise HTTPException(404, "there is no such audit report")
    path = f"{AUDITS_DIR}/{name}/{REPORT}"
    try:
        content = read_regular(get_volume(request), path, MAX_AUDIT_FILE_BYTES)
    except FileNotFoundError as error:
        raise HTTPException(404, "there is no such audit report") from error
    except OSError as error:
        raise HTTPException(404, f"the audit report cannot be read: {error.strerror}") from error
    return respond_unless_current(
        lambda: content,
        hashlib.sha256(content).hexdigest(),
        if_none_match,
        "text/html",
        {"Content-Security-Policy": _POLICY},
    )


def _list_reports(volume: Path) -> list[tuple[float, str]]:
    """Return the time of the last change and the name of each report."""
    directory = volume / AUDITS_DIR
    try:
        names = [path.name for path in directory.iterdir() if is_audit_name(path.name)]
    except OSError:
        return []  # there are none
    found = ((_find_time(directory / name), name) for name in names)
    return [(time, name) for time, name in found if time is not None]


def _find_time(directory: Path) -> float | None:
    """Return when the report in a directory was changed; None if it would not be sent."""
    try:
        found = (directory / REPORT).lstat()
        is_sent = stat.S_ISREG(found.st_mode) and found.st_size <= MAX_AUDIT_FILE_BYTES
        return found.st_mtime if is_sent and not directory.is_symlink() else None
    except OSError:
        return None  # there is none, or it was removed meanwhile
