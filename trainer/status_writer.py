"""The writer of the live status of a training."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import ValidationError

from shared.versions.training_status import (
    TrainingState,
    TrainingStatus,
    TrainingStatusError,
    read_training_status,
    remove_partial_statuses,
    write_training_status,
)
from trainer.config import TrainingConfig
from trainer.errors import DirectoryLockedError, QualityGateError

log = logging.getLogger(__name__)

_MIN_INTERVAL_S = 1.0
# Some stages make no progress for minutes. Readers consider a trainer dead after 60 s.
_HEARTBEAT_S = 15.0
_MAX_REASON = 500


class StatusWriter:
    """Writes the status of one training while its `with` block runs, and then how it ended.

    A status that cannot be written never fails a training.

    Attributes:
        current: the status, also if it is not written yet.
    """

    def __init__(
        self,
        directory: Path,
        config: TrainingConfig,
        clock: Callable[[], float] = time.monotonic,
        heartbeat_s: float = _HEARTBEAT_S,
    ) -> None:
        """Create the writer, which writes nothing yet.

        Args:
            directory: the models volume; it is created.
            config: hyperparameters.
            clock: seconds.
            heartbeat_s: seconds between two writes without progress.
        """
        now = _now()
        self.current = TrainingStatus(
            state="waiting",
            started=now,
            updated=now,
            network=config.network,
            init=config.init,
            epochs=config.epochs,
        )
        self._previous: TrainingStatus | None = None
        self._directory, self._clock, self._heartbeat_s = directory, clock, heartbeat_s
        self._written = self._clock()
        self._has_warned = False
        # Reentrant: SIGTERM can interrupt a write, and the end is written after it.
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._heartbeat = threading.Thread(target=self._repeat, name="status", daemon=True)

    @property
    def is_due(self) -> bool:
        """Whether `update` would write the same state again."""
        return self._clock() - self._written >= _MIN_INTERVAL_S

    def update(self, **changes: Any) -> None:
        """Change fields. A new state is written at once, other changes at most once a second."""
        with self._lock:
            previous = self.current.state
            try:
                self.current = TrainingStatus.model_validate(dict(self.current) | changes)
            except ValidationError as error:
                self._warn(error)
                return
            if self.is_due or self.current.state != previous:
                self._write()

    def end(self, state: TrainingState, reason: str) -> None:
        """Write that the training has ended without publishing a version, and why."""
        self.update(state=state, reason=reason, progress=None, seconds_left=None)

    def end_unchanged(self, reason: str) -> None:
        """Write that there was nothing to do. The last training stays, if it ended regularly."""
        previous = self._previous
        if previous is None or previous.state not in ("published", "rejected"):
            self.end("unchanged", reason)
            return
        with self._lock:
            # Why a model was rejected says more than that it would be rejected again.
            shown = previous.reason if previous.state == "rejected" else reason
            self.current = previous.model_copy(update={"reason": shown})
            self._write()

    def __enter__(self) -> Self:
        try:
            remove_partial_statuses(self._directory)
        except OSError as error:
            self._warn(error)
        self._previous = self._read_previous()
        self._write()
        self._heartbeat.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._heartbeat.join()
        if isinstance(error, DirectoryLockedError):
            return  # the status is that of the trainer that holds the lock
        if error is None or not self.current.is_running:
            self._write()
        elif isinstance(error, QualityGateError):
            self.end("rejected", _describe(error))
        elif isinstance(error, Exception):
            self.end("failed", _describe(error))
        else:
            self.update(state="stopped", progress=None, seconds_left=None)

    def _read_previous(self) -> TrainingStatus | None:
        try:
            return read_training_status(self._directory)
        except TrainingStatusError:
            return None  # it is replaced

    def _repeat(self) -> None:
        while not self._stop.wait(self._heartbeat_s):
            self._write()

    def _write(self) -> None:
        with self._lock:
            self._written = self._clock()
            self.current = self.current.model_copy(update={"updated": _now()})
            try:
                write_training_status(self._directory, self.current)
            except OSError as error:
                self._warn(error)

    def _warn(self, error: Exception) -> None:
        if not self._has_warned:
            log.warning("the status cannot be written (%s); the training continues", error)
        self._has_warned = True


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _describe(error: Exception) -> str:
    """Return the message of an error for strangers: without addresses and directories."""
    # The message of an OSError contains the path, its `strerror` does not.
    text = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
    text = re.sub(r"\w+://\S+", "…", text)
    text = " ".join(re.sub(r"\S*/", "", text).split())
    return text if len(text) <= _MAX_REASON else f"{text[: _MAX_REASON - 1]}…"
