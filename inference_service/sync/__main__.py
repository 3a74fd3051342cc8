"""Entry point of the sync service: `python -m inference_service.sync`."""

from __future__ import annotations

import logging
import sys
import time

from inference_service.sync.settings import SyncSettings
from shared.logs import log_as_json
from shared.settings import SettingsError
from shared.versions.object_store import ObjectStore, StoreError
from shared.versions.version_mirror import VersionMirror

log = logging.getLogger("sync")

_MAX_BACKOFF_S = 300.0


def main() -> None:
    """Read the settings and copy what is new until a signal arrives."""
    log_as_json()
    try:
        settings = SyncSettings.load()
        mirror = VersionMirror(ObjectStore(settings.models_url), settings.models_dir)
    except (SettingsError, StoreError) as error:
        sys.exit(f"sync: {error}")
    wait_s = settings.sync_poll_s
    while True:
        try:
            mirror.run_once()
            has_failed = mirror.has_failed
        except OSError as error:
            has_failed = True
            log.error("the volume cannot be written: %s", error.strerror)
        wait_s = find_wait(wait_s, settings.sync_poll_s, has_failed)
        time.sleep(wait_s)


def find_wait(previous_s: float, poll_s: float, has_failed: bool) -> float:
    """Return the seconds until the next check: twice as long after each one that failed."""
    return max(poll_s, min(2 * previous_s, _MAX_BACKOFF_S)) if has_failed else poll_s


if __name__ == "__main__":
    main()
