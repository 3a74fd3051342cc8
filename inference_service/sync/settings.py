"""Settings of the sync service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from shared.settings import EnvironmentSettings
from shared.versions.object_store import READ_SCHEMES, check_store_url


def _check_url(text: str) -> str:
    return check_store_url(text, READ_SCHEMES)


class SyncSettings(EnvironmentSettings):
    """What is copied, and where to."""

    models_url: Annotated[str, AfterValidator(_check_url)]
    """The object store."""
    models_dir: Path = Path("models")
    """The models volume."""
    sync_poll_s: Annotated[float, Field(ge=0.05, le=3600)] = 10.0
    """Interval of the checks for new versions; up to 5 minutes while something fails."""
