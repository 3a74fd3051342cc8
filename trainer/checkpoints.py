"""Where a training stands, on disk: written whole or not at all, and read only if it is whole."""

from __future__ import annotations

import io
import json
import logging
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

log = logging.getLogger(__name__)

_FORMAT = 3
_KEPT = 2  # the last, and one before it in case the last is damaged
_PATTERN = "pass-*.npz"

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Checkpoint:
    """Everything that decides how a training goes on after a pass."""

    number: int
    """Passes that are done."""
    arrays: list[Array]
    """Variables of network and optimizer in their order, the weights of the best pass, and what the
    watchful schedule would go back to."""
    state: dict[str, Any]
    """All else, as JSON."""


class Checkpoints:
    """The checkpoints of one training in its directory, which must be there."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def save(self, checkpoint: Checkpoint) -> None:
        """Killed at any moment, it leaves the ones before and this one whole, or not this one."""
        path = self.directory / f"pass-{checkpoint.number:05d}.npz"
        incoming = path.with_suffix(".part")
        header = json.dumps({"format": _FORMAT, "state": checkpoint.state})
        arrays = {f"array-{i:04d}": array for i, array in enumerate(checkpoint.arrays)}
        with incoming.open("wb") as file:
            np.savez(file, header=np.array(header), **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        incoming.replace(path)
        for old in sorted(self.directory.glob(_PATTERN))[:-_KEPT]:
            old.unlink()

    def load(self, shapes: list[tuple[int, ...]]) -> Checkpoint | None:
        """The last good one; a damaged one is set aside, which the log says.

        shapes: of the arrays, as the network and the optimizer of this training have them.
        """
        for path in sorted(self.directory.glob(_PATTERN), reverse=True):
            content = path.read_bytes()  # an OSError here says nothing about what it holds
            try:
                return _read(content, int(path.stem.partition("-")[2]), shapes)
            except MemoryError:
                raise
            except Exception as error:
                # zipfile, numpy and json raise a dozen types on damaged files; all mean the same.
                aside = path.with_suffix(".damaged")
                path.replace(aside)
                log.warning(
                    "%s cannot be used (%s): set aside as %s; going on from what is before it",
                    path, error, aside.name,
                )  # fmt: skip
        return None

    def clear(self) -> None:
        """Forgets all: the training is done."""
        for pattern in (_PATTERN, "*.part", "*.damaged"):
            for path in self.directory.glob(pattern):
                path.unlink()

    def count_missing_bytes(self, arrays: list[Array]) -> int:
        """What checkpoints of such arrays will take beside those that lie there."""
        present = sum(path.stat().st_size for path in self.directory.glob(_PATTERN))
        # One more than are kept, while the next is written.
        return max(0, (_KEPT + 1) * sum(array.nbytes for array in arrays) - present)


def _read(content: bytes, number: int, shapes: list[tuple[int, ...]]) -> Checkpoint:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if (broken := archive.testzip()) is not None:
            raise ValueError(f"{broken} does not match its checksum")
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        header = json.loads(str(archive["header"]))
        arrays = [archive[name] for name in sorted(archive.files) if name != "header"]
    if header["format"] != _FORMAT:
        raise ValueError(f"format {header['format']}, expected {_FORMAT}")
    if [array.shape for array in arrays] != shapes:
        raise ValueError("it is of another network")
    return Checkpoint(number, arrays, header["state"])
