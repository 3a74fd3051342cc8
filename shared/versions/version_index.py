"""The index of an object store: which versions and audit reports it has, with their checksums.

The trainer writes it after the objects that it lists, so no reader finds an incomplete version. A
web server without listings is enough to read a store.

    captcha/index.json              the index
    captcha/<number>/...            the files of a version, its manifest uploaded last
    captcha/claims/<number>         which training has the number
    audits/<name>/...               audit reports
    training.json                   the status of the training that runs or of the last one
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from shared.validation_errors import describe_first_error
from shared.versions.manifest import FileRecord
from shared.versions.object_store import ObjectMissing, ObjectStore, StoreError

INDEX = "captcha/index.json"
AUDITS_DIR = "audits"
MAX_AUDIT_FILE_BYTES = 10_000_000
_MAX_INDEX_BYTES = 1_000_000
_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}")


def is_audit_name(name: str) -> bool:
    """Return whether a name can be that of an audit, or of a file of one."""
    return _NAME.fullmatch(name) is not None


def _check_name(name: str) -> str:
    if not is_audit_name(name):
        raise ValueError(f"{name!r} is not a valid name")
    return name


_AuditName = Annotated[str, AfterValidator(_check_name)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class VersionIndex(_Frozen):
    """Everything that a store offers."""

    format: int = Field(default=1, ge=1, le=1)
    versions: dict[Annotated[int, Field(ge=1)], FileRecord] = Field(default={}, max_length=1_000)
    """The manifest of each version; it has the checksums of the other files."""
    withdrawn: tuple[int, ...] = ()
    """Versions that every volume must delete."""
    audits: dict[_AuditName, dict[_AuditName, FileRecord]] = Field(default={}, max_length=1_000)
    """The files of each audit report."""


def read_index(store: ObjectStore) -> tuple[VersionIndex, dict[str, str] | None]:
    """Return the index and its tag; an empty one and None if there is none.

    Raises:
        StoreError: if the store fails or the index is invalid.
    """
    try:
        found = store.read(INDEX, _MAX_INDEX_BYTES)
    except ObjectMissing:
        return VersionIndex(), None
    try:
        return VersionIndex.model_validate_json(found.content), found.tag
    except ValidationError as error:
        reason = describe_first_error(error)
        raise StoreError(f"{INDEX} is invalid: {reason}") from error


def serialise_index(index: VersionIndex) -> bytes:
    """Return the JSON of an index.

    Raises:
        StoreError: if no reader would accept it.
    """
    content = (index.model_dump_json(indent=2) + "\n").encode()
    if len(content) > _MAX_INDEX_BYTES:
        raise StoreError(f"{INDEX} would have more than {_MAX_INDEX_BYTES:,} bytes")
    try:
        VersionIndex.model_validate_json(content)
    except ValidationError as error:
        reason = describe_first_error(error)
        raise StoreError(f"{INDEX} would be invalid: {reason}") from error
    return content
