"""The status of a mirror of an object store: a small file on the models volume."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from shared.regular_files import read_regular
from shared.replaced_file import replace_file

SYNC_STATUS = "sync.json"
_MAX_BYTES = 1_000_000


class SyncStatus(BaseModel):
    """What the last check of the store found."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    checked: AwareDatetime
    """When the store was last asked, UTC."""
    problems: tuple[str, ...] = ()
    """Sentences; empty if the volume has everything that the store offers."""
    mirrored: tuple[int, ...] = ()
    """Versions on the volume that are those of the store."""
    audits: dict[str, str] = {}
    """SHA-256 of the audit files on the volume that are those of the store, by `name/file`."""


def write_sync_status(
    volume: Path, problems: Sequence[str], mirrored: Sequence[int], audits: Mapping[str, str]
) -> None:
    """Replace the status on a volume. No reader sees a partial file.

    Raises:
        OSError: if the volume is not writable or full.
    """
    status = SyncStatus(
        checked=datetime.now(UTC).replace(microsecond=0),
        problems=tuple(problems),
        mirrored=tuple(mirrored),
        audits=dict(audits),
    )
    with replace_file(volume / SYNC_STATUS) as partial:
        partial.write_text(status.model_dump_json(indent=2) + "\n")


def read_sync_status(volume: Path) -> SyncStatus | None:
    """Return the status on a volume; None if there is no readable one."""
    try:
        return SyncStatus.model_validate_json(read_regular(volume, SYNC_STATUS, _MAX_BYTES))
    except (OSError, ValidationError):
        return None
