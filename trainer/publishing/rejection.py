"""The record of a version that was not published because an earlier one is better."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.replaced_file import replace_file

_FILE = "rejection.json"


class Rejection(BaseModel):
    """Why a training published nothing. The same training would give the same model again."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    training_fingerprint: str
    reference_fingerprint: str
    """Training fingerprint of the reference."""
    reason: str


def write_rejection(directory: Path, rejection: Rejection) -> None:
    """Store a rejection in the directory of a training."""
    with replace_file(directory / _FILE) as partial:
        partial.write_text(rejection.model_dump_json(indent=2) + "\n")


def read_rejection(directory: Path) -> Rejection | None:
    """Return the rejection in the directory of a training; None if there is no valid one."""
    try:
        return Rejection.model_validate_json((directory / _FILE).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
