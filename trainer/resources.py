"""Disk and memory for a training: better refused now than ended in an hour."""

from __future__ import annotations

import shutil
from pathlib import Path

from shared.spec import CaptchaSpec
from trainer.client import GeneratorClient
from trainer.config import TrainingConfig
from trainer.shares import Share

# For curves and the checkpoints of a small network, beside the captchas; those of a large one are
# counted when there is one.
_SPARE_BYTES = 200_000_000
# TensorFlow, the network and what its layers make of a batch, beside the captchas: at most, of
# whole trainings and, for the course's network, of one pass (docs/settings.md, "Presets").
_TRAINING_BYTES = {"compact": 1_000_000_000, "wide": 3_000_000_000, "course": 1_800_000_000}
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_MEMORY = Path("/proc/meminfo")


class SpaceError(RuntimeError):
    """Too little disk or memory to begin."""


def require_disk(
    config: TrainingConfig, shares: list[Share], client: GeneratorClient, data: Path
) -> None:
    """Raises SpaceError if the captchas will not fit onto the disk."""
    missing = _SPARE_BYTES + sum(
        client.count_missing_bytes(
            share.source, config.split_seeds[share.split], share.count, share.start
        )
        for share in shares
    )
    require_free(data, missing)


def require_free(directory: Path, needed_bytes: int) -> None:
    """Raises SpaceError if the disk of a directory has less."""
    free = shutil.disk_usage(directory).free
    if free < needed_bytes:
        raise SpaceError(
            f"{directory} has {free / 1e6:,.0f} MB free, and this training needs"
            f" {needed_bytes / 1e6:,.0f} MB"
        )


def require_memory(shares: list[Share], own: int, spec: CaptchaSpec, network: str) -> None:
    """Raises SpaceError if the captchas will not fit into memory, where all are while training.

    own: captchas of one's own beside the shares.
    """
    count = own + sum(share.count for share in shares)
    needed = _TRAINING_BYTES[network] + count * (spec.width * spec.height + 4 * spec.length)
    available = _find_memory()
    if available is not None and available < needed:
        raise SpaceError(
            f"{available / 1e6:,.0f} MB of memory are free, and this training needs"
            f" {needed / 1e6:,.0f} MB at least, for {count:,} captchas"
        )


def _find_memory() -> int | None:
    """Bytes that this process may take; None where Linux' files do not tell."""
    try:
        fields = dict(line.split(":") for line in _MEMORY.read_text().splitlines())
        available = 1024 * sum(int(fields[key].split()[0]) for key in ("MemAvailable", "SwapFree"))
    except (OSError, KeyError, ValueError):
        return None
    try:
        return min(available, int(_CGROUP_LIMIT.read_text()))
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return available
