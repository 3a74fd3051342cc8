"""Audit reports on the models volume."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from inference_service.routes.state import get_service
from shared.schemas import ErrorBody

router = APIRouter()

AUDITS_DIR = "audits"
"""Directory of the reports on the models volume."""
REPORT = "report.html"
_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}")
_HEADERS = {
    # A report is one file without scripts; whatever it contains cannot act as this origin.
    "Content-Security-Policy": (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:;"
        " frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
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
    found = [
        (path.stat().st_mtime, path.parent.name)
        for path in _directory(request).glob(f"*/{REPORT}")
        if _is_report(path)
    ]
    return AuditsBody(
        audits=[
            AuditBody(name=name, created=datetime.fromtimestamp(time, UTC).isoformat())
            for time, name in sorted(found, reverse=True)
        ]
    )


@router.get(
    "/audits/{name}/report.html", response_class=FileResponse, responses={404: {"model": ErrorBody}}
)
def report(request: Request, name: str) -> FileResponse:
    """Return one report as HTML."""
    path = _directory(request) / name / REPORT
    if not _NAME.fullmatch(name) or not _is_report(path):
        raise HTTPException(404, "there is no such audit report")
    return FileResponse(path, media_type="text/html", headers=_HEADERS)


def _directory(request: Request) -> Path:
    return get_service(request).store.versions_dir.parent / AUDITS_DIR


def _is_report(path: Path) -> bool:
    # A link could point to any file that the service can read.
    is_link = path.is_symlink() or path.parent.is_symlink()
    return bool(_NAME.fullmatch(path.parent.name)) and path.is_file() and not is_link
