"""Download of a version from an object store, with limits for what the store may cost."""

from __future__ import annotations

import hashlib
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from shared.versions.artifacts import (
    MANIFEST,
    MODEL_NAME,
    ArtifactError,
    check_file_names,
    fsync,
    parse_manifest,
    verify,
)
from shared.versions.manifest import FileRecord, Manifest
from shared.versions.object_store import ObjectStore


@dataclass(frozen=True)
class MirrorLimits:
    """What a store may cost a volume."""

    version_bytes: int = 2_000_000_000
    """Largest version."""
    version_files: int = 1_000
    manifest_bytes: int = 10_000_000
    spare_bytes: int = 200_000_000
    """What must stay free on the volume."""
    version_s: float = 900.0
    """Longest download of a version, in seconds."""


def download_version(
    store: ObjectStore, version: int, record: FileRecord, directory: Path, limits: MirrorLimits
) -> None:
    """Download a version into a new directory, and verify and flush it.

    Args:
        store: where the version is.
        version: its number.
        record: its manifest, as the index lists it.
        directory: where its files are written.
        limits: what it may cost.

    Raises:
        StoreError, ArtifactError, OSError: if it is not complete and correct.
    """
    deadline = time.monotonic() + limits.version_s
    prefix = f"{MODEL_NAME}/{version}"
    if record.size_bytes > limits.manifest_bytes:
        raise ArtifactError(f"{MANIFEST} has {record.size_bytes:,} bytes")
    content = store.read(f"{prefix}/{MANIFEST}", record.size_bytes).content
    if hashlib.sha256(content).hexdigest() != record.sha256:
        raise ArtifactError(f"{MANIFEST} is not the one that the index lists")
    manifest = parse_manifest(content)
    _check(manifest, directory.parent, limits)
    for name, file in manifest.files.items():
        store.download(f"{prefix}/{name}", directory / name, file.size_bytes, deadline)
    # Last: a manifest that lists itself would replace it.
    (directory / MANIFEST).write_bytes(content)
    verify(directory)
    for path in (*directory.rglob("*"), directory):
        path.chmod(0o755 if path.is_dir() else 0o644)
        fsync(path)


def _check(manifest: Manifest, volume: Path, limits: MirrorLimits) -> None:
    """Check before a download what it would cost.

    Raises:
        ArtifactError: if the version is too large or its file names are invalid.
    """
    check_file_names(manifest)
    sizes = [file.size_bytes for file in manifest.files.values()]
    if len(sizes) > limits.version_files or min(sizes) < 0:
        raise ArtifactError(f"{MANIFEST} lists {len(sizes):,} files or a negative size")
    if sum(sizes) > limits.version_bytes:
        raise ArtifactError(
            f"it has {sum(sizes):,} bytes; at most {limits.version_bytes:,} are copied"
        )
    free = shutil.disk_usage(volume).free
    if free < sum(sizes) + limits.spare_bytes:
        raise ArtifactError(f"the volume has only {free:,} bytes free")
