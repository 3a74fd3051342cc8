"""Uploads the status of a training to an object store while the training runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.versions.object_store import ObjectStore
from shared.versions.training_status import TRAINING_STATUS

log = logging.getLogger(__name__)

_INTERVAL_S = 10.0


@contextmanager
def uploading_status(
    store: ObjectStore, volume: Path, interval_s: float = _INTERVAL_S
) -> Iterator[None]:
    """Upload the status on a models volume while the block runs, and once more at its end.

    A status that cannot be uploaded never fails a training.
    """
    stop = threading.Event()
    thread = threading.Thread(
        target=_upload_until, args=(stop, store, volume, interval_s), name="upload", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _upload_until(
    stop: threading.Event, store: ObjectStore, volume: Path, interval_s: float
) -> None:
    uploaded, has_warned = b"", False
    while True:
        is_last = stop.wait(interval_s)
        try:
            content = (volume / TRAINING_STATUS).read_bytes()
            if content != uploaded:
                store.write(TRAINING_STATUS, content)
                uploaded = content
        except FileNotFoundError:
            pass  # not written yet
        except OSError as error:
            if not has_warned:
                log.warning("the status is not uploaded (%s); the training continues", error)
            has_warned = True
        if is_last:
            return
