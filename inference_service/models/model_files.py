"""Files of a version that may be shown: its figures and its history, but not its weights."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from shared.regular_files import read_regular
from shared.versions.artifacts import ArtifactError
from shared.versions.manifest import FileRecord, Manifest

_MEDIA_TYPES = {
    "png": "image/png",
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
}
# No directory, and no link to one such as `..`.
_NAME = re.compile(rf"[0-9A-Za-z][0-9A-Za-z._-]*\.({'|'.join(_MEDIA_TYPES)})")
# A file is read as a whole. Figures and histories have less than a tenth of this.
_MAX_BYTES = 5_000_000


def list_shown_files(manifest: Manifest) -> dict[str, FileRecord]:
    """Return the files that may be shown, by name, in alphabetical order."""
    return {
        name: record
        for name, record in sorted(manifest.files.items())
        if _NAME.fullmatch(name) and record.size_bytes <= _MAX_BYTES
    }


def get_media_type(name: str) -> str:
    """Return the `Content-Type` of a file of `list_shown_files`."""
    return _MEDIA_TYPES[name.rpartition(".")[2]]


def read_verified(directory: Path, name: str, record: FileRecord) -> bytes:
    """Return a file of a version.

    Args:
        directory: of the version.
        name: of a file of `list_shown_files`.
        record: its entry in the manifest.

    Raises:
        ArtifactError: if the file is missing, a link, or not the one in the manifest.
    """
    try:
        content = read_regular(directory, name, _MAX_BYTES)
    except OSError as error:
        raise ArtifactError(f"{name} cannot be read: {error.strerror}") from error
    if hashlib.sha256(content).hexdigest() != record.sha256:
        raise ArtifactError(f"{name} was changed: its SHA-256 differs from the manifest")
    return content
