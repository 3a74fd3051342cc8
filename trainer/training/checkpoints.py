"""Checkpoints of a training on disk: written atomically, verified when they are read."""

from __future__ import annotations

import io
import json
import logging
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.replaced_file import replace_file

log = logging.getLogger(__name__)

_FORMAT = 4
_KEPT = 2  # the latest, and the one before it in case the latest is damaged
_PATTERN = "epoch-*.npz"

Arrays = list[npt.NDArray[Any]]


@dataclass(frozen=True)
class Checkpoint:
    """Everything that a training needs to resume.

    Attributes:
        epoch: number of completed epochs.
        arrays: lists of arrays by name; "variables" are those of the model and its optimizer.
        state: the state of the callbacks, as JSON values.
    """

    epoch: int
    arrays: Mapping[str, Arrays]
    state: Mapping[str, Any]


class CheckpointStore:
    """The checkpoints of one training in an existing directory.

    BackupAndRestore of Keras overwrites its files in place, so a process that is killed meanwhile
    leaves damaged files. It detects damage only if reading raises OSError.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint. A process killed meanwhile leaves the earlier ones intact."""
        path = self.directory / f"epoch-{checkpoint.epoch:05d}.npz"
        header = json.dumps({"format": _FORMAT, "state": checkpoint.state})
        members = {
            f"{name}/{i:04d}": array
            for name, arrays in checkpoint.arrays.items()
            for i, array in enumerate(arrays)
        }
        for abandoned in self.directory.glob("*.part"):  # of a process that was killed
            abandoned.unlink()
        with replace_file(path) as partial, partial.open("wb") as file:
            np.savez(file, header=np.array(header), **members)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        for old in sorted(self.directory.glob(_PATTERN))[:-_KEPT]:
            old.unlink()

    def load(self, shapes: list[tuple[int, ...]]) -> Checkpoint | None:
        """Return the latest intact checkpoint; damaged ones are renamed and logged.

        Args:
            shapes: the shapes of the variables of model and optimizer.
        """
        for path in sorted(self.directory.glob(_PATTERN), reverse=True):
            content = path.read_bytes()  # an OSError here does not mean that the file is damaged
            try:
                return _parse(content, int(path.stem.partition("-")[2]), shapes)
            except MemoryError:
                raise
            except Exception as error:
                # zipfile, numpy and json raise a dozen types on damaged files.
                damaged = path.with_suffix(".damaged")
                path.replace(damaged)
                log.warning(
                    "checkpoint %s is unusable (%s); renamed to %s, trying the one before it",
                    path,
                    error,
                    damaged.name,
                )
        return None

    def clear(self) -> None:
        """Delete all checkpoints."""
        for pattern in (_PATTERN, "*.part", "*.damaged"):
            for path in self.directory.glob(pattern):
                path.unlink()

    def count_missing_bytes(self, arrays: Mapping[str, Arrays]) -> int:
        """Return how many more bytes checkpoints of such arrays will need on disk."""
        existing = sum(path.stat().st_size for path in self.directory.glob(_PATTERN))
        size = sum(array.nbytes for group in arrays.values() for array in group)
        # One more than are kept, while the next one is written.
        return max(0, (_KEPT + 1) * size - existing)


def _parse(content: bytes, epoch: int, shapes: list[tuple[int, ...]]) -> Checkpoint:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if (damaged := archive.testzip()) is not None:
            raise ValueError(f"{damaged} does not match its checksum")
    arrays: dict[str, Arrays] = {}
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        header = json.loads(str(archive["header"]))
        for name in sorted(archive.files):
            if name != "header":
                arrays.setdefault(name.partition("/")[0], []).append(archive[name])
    if header["format"] != _FORMAT:
        raise ValueError(f"format {header['format']}, expected {_FORMAT}")
    if [array.shape for array in arrays["variables"]] != shapes:
        raise ValueError("it belongs to another network")
    return Checkpoint(epoch, arrays, header["state"])
