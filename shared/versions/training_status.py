"""The live status of a training: what the trainer writes and `GET /training` returns.

The trainer replaces `<models>/training.json` while it runs, so every replica that mounts the models
volume can show it.
"""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator

from shared.regular_files import read_regular
from shared.validation_errors import describe_first_error

TRAINING_STATUS = "training.json"
FORMAT = 1
STALE_AFTER_S = 60.0
"""A trainer that runs writes its status more often."""
MAX_LOSS_POINTS = 200
MAX_EPOCHS_DONE = 100
MAX_SAMPLES = 8
MAX_STATUS_BYTES = 2_000_000
_PARTIAL_PREFIX, _PARTIAL_SUFFIX = ".training-", ".part"
_ABANDONED_AFTER_S = 60

TrainingState = Literal[
    "waiting",
    "fetching",
    "training",
    "evaluating",
    "published",
    "rejected",
    "failed",
    "stopped",
    "unchanged",
]
_RUNNING: frozenset[TrainingState] = frozenset({"waiting", "fetching", "training", "evaluating"})


class TrainingStatusError(ValueError):
    """A status that cannot be read. The message has no path."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class LossPoint(_Frozen):
    """Training loss over some steps."""

    epoch: float
    """Epochs completed at the last of these steps, as a fraction."""
    loss: float
    """Mean loss."""


class EpochDone(_Frozen):
    """What was measured after an epoch. A loss that is not finite is null."""

    epoch: float
    """Epochs completed; a fraction if the time limit cut this one off."""
    loss: float | None
    """Mean training loss."""
    validation_loss: float | None
    validation_accuracy: float
    """Exact-match accuracy on the validation captchas, 0 to 1."""


class TrainingSample(_Frozen):
    """A validation captcha."""

    image: str
    """PNG in base64; large captchas are scaled down."""
    label: str
    prediction: str
    """What the network predicts after the last completed epoch."""


class TrainingStatus(_Frozen):
    """The training that runs on a models volume, or the last one."""

    format: int = FORMAT
    state: TrainingState
    """`waiting`: for the generator. `rejected`: not published, because the model is worse than the
    active version or below the required accuracy. `unchanged`: nothing to do, and the training
    before is not known. The others are what they say."""
    reason: str | None = None
    """Why the training ended without publishing a version, or why a later trainer had nothing to
    do."""
    version: int | None = None
    """The published version."""
    started: AwareDatetime
    """When the trainer started, UTC. A resumed training has a new start."""
    updated: AwareDatetime
    """When this status was written, UTC."""
    spec: dict[str, Any] | None = None
    """The captchas; null until they are known."""
    network: str
    init: str
    """Initial weights: `bundled` or `scratch`."""
    captchas_fetched: int = 0
    """Captchas of all splits that the trainer has, including those of earlier trainings."""
    captchas_wanted: int = 0
    """Captchas of the generator in all splits; 0 until they are known, or with images alone."""
    epoch: int = 0
    """The current epoch, from 1; 0 before the first one."""
    epochs: int
    """Epochs of the whole training; it can stop earlier."""
    step: int = 0
    """Steps completed in the current epoch."""
    steps: int = 0
    """Steps per epoch; 0 until they are known."""
    progress: float | None = Field(default=None, ge=0, le=1)
    """How much of the state is done: by captchas while fetching; by steps or by the time limit,
    whichever is further, while training. Null in other states. The page shows it."""
    seconds_left: float | None = None
    """Estimated seconds until the last epoch is done; null if unknown."""
    loss: tuple[LossPoint, ...] = Field(default=(), max_length=MAX_LOSS_POINTS)
    """The loss since the start, also across a resume."""
    epochs_done: tuple[EpochDone, ...] = Field(default=(), max_length=MAX_EPOCHS_DONE)
    """The completed epochs, also across a resume; every second one and so on if there are many."""
    samples: tuple[TrainingSample, ...] = Field(default=(), max_length=MAX_SAMPLES)

    @field_validator("format")
    @classmethod
    def _check_format(cls, value: int) -> int:
        if value != FORMAT:
            raise ValueError(f"format {value} is of another release; this one reads {FORMAT}")
        return value

    @property
    def is_running(self) -> bool:
        """Whether the training had not ended when the status was written."""
        return self.state in _RUNNING

    def is_stale(self, now: datetime) -> bool:
        """Return whether the trainer should have written its status again.

        It was killed, or its machine is overloaded.
        """
        return self.is_running and now - self.updated > timedelta(seconds=STALE_AFTER_S)


def write_training_status(directory: Path, status: TrainingStatus) -> None:
    """Replace the status in a directory, which is created. No reader sees a partial file.

    It is not flushed to disk: after a power failure no training runs.

    Raises:
        OSError: if the directory is not writable or the disk is full.
    """
    directory.mkdir(parents=True, exist_ok=True)
    # The name is unique, because two trainers can share the volume.
    descriptor, name = tempfile.mkstemp(_PARTIAL_SUFFIX, _PARTIAL_PREFIX, directory)
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(status.model_dump_json().encode())
            os.fchmod(descriptor, 0o644)  # the file would be readable by this user only
        partial.replace(directory / TRAINING_STATUS)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def remove_partial_statuses(directory: Path) -> None:
    """Remove what trainers that were killed while they wrote their status have left.

    Raises:
        OSError: if the directory is not writable.
    """
    for partial in directory.glob(f"{_PARTIAL_PREFIX}*{_PARTIAL_SUFFIX}"):
        with suppress(FileNotFoundError):
            # Another trainer may be writing a newer one.
            if time.time() - partial.stat().st_mtime > _ABANDONED_AFTER_S:
                partial.unlink()


def read_training_status(directory: Path) -> TrainingStatus | None:
    """Return the status in a directory; None if there is none.

    Raises:
        TrainingStatusError: if it is damaged, too large or of another release.
    """
    try:
        content = read_regular(directory, TRAINING_STATUS, MAX_STATUS_BYTES)
        return TrainingStatus.model_validate_json(content)
    except FileNotFoundError:
        return None
    except ValidationError as error:
        reason = describe_first_error(error)
        raise TrainingStatusError(f"{TRAINING_STATUS} is invalid: {reason}") from error
    except OSError as error:
        raise TrainingStatusError(f"{TRAINING_STATUS} cannot be read: {error.strerror}") from error
