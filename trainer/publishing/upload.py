"""Uploads to an object store: versions and audit reports."""

from __future__ import annotations

import hashlib
import logging
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from shared.versions.artifacts import MANIFEST, MODEL_NAME, parse_manifest, read_manifest
from shared.versions.manifest import FileRecord
from shared.versions.object_store import ObjectChanged, ObjectStore, StoreError
from shared.versions.sync_status import read_sync_status
from shared.versions.version_index import (
    AUDITS_DIR,
    INDEX,
    MAX_AUDIT_FILE_BYTES,
    VersionIndex,
    is_audit_name,
    read_index,
    serialise_index,
)
from shared.versions.version_mirror import VersionMirror
from trainer.settings import TrainerSettings

log = logging.getLogger(__name__)

_CLAIMS = f"{MODEL_NAME}/claims"
_RETRY_S = 120.0
_INDEX_ATTEMPTS = 20


class Uploader:
    """Writes to an object store. Several trainers can write to the same one.

    Attributes:
        store: the object store.
        volume: the models volume that the trainer writes to.
    """

    def __init__(self, store: ObjectStore, volume: Path) -> None:
        """Create an uploader of what the trainer writes to a models volume."""
        self.store, self.volume = store, volume

    @classmethod
    def from_settings(cls, settings: TrainerSettings) -> Self | None:
        """Return the uploader for `MODELS_URL`; None without one.

        Raises:
            StoreError: if the store cannot be opened.
        """
        if settings.models_url is None:
            return None
        return cls(ObjectStore(settings.models_url, _RETRY_S), settings.models_dir)

    def prepare(self) -> None:
        """Check before a training that its result can be uploaded, and get the versions so far.

        The new model is compared with the best version, which another trainer may have uploaded.

        Raises:
            StoreError: if the store cannot be read or written.
        """
        self.store.write(f"{_CLAIMS}/check", b"")
        _, tag = read_index(self.store)
        if tag is None:
            # Without an index, the sync services would report a problem during the first training.
            self._change_index(lambda index: index)
        # Before the mirror: a report whose upload failed is newer than the one in the store.
        try:
            self.upload_audits()
        except OSError as error:
            log.warning("audit reports were not uploaded: %s", error)
        VersionMirror(self.store, self.volume).run_once()

    def upload(self, directory: Path, number: int) -> int:
        """Upload a complete version, its manifest last, and then add it to the index.

        Args:
            directory: the version.
            number: the lowest number that it can have.

        Returns:
            Its number, which no other version in the store has.

        Raises:
            StoreError: if the store fails; no reader has seen the version then.
        """
        manifest = read_manifest(directory)
        number = self._claim(number, manifest.training_fingerprint)
        prefix = f"{MODEL_NAME}/{number}"
        for name in manifest.files:
            self.store.write(f"{prefix}/{name}", directory / name)
        content = (directory / MANIFEST).read_bytes()
        self.store.write(f"{prefix}/{MANIFEST}", content)
        self._change_index(
            lambda index: index.model_copy(
                update={"versions": index.versions | {number: _record(content)}}
            )
        )
        log.info("version %d was uploaded", number)
        return number

    def record(self, version: int) -> None:
        """Record on the volume that a version is also in the store, so that it can be withdrawn.

        Raises:
            OSError: if the volume cannot be written.
        """
        VersionMirror(self.store, self.volume).record_uploaded_version(version)

    def remove(self, versions: list[int]) -> None:
        """Remove old versions from the index, and then their objects.

        Raises:
            StoreError: if the store fails.
            ArtifactError: if the manifest in the store is invalid.
        """
        known, _ = read_index(self.store)
        removed = [version for version in versions if version in known.versions]
        if not removed:
            return
        self._change_index(lambda index: _without(index, removed))
        for version in removed:
            prefix = f"{MODEL_NAME}/{version}"
            record = known.versions[version]
            manifest = self.store.read(f"{prefix}/{MANIFEST}", record.size_bytes).content
            for name in (MANIFEST, *parse_manifest(manifest).files):
                self.store.delete(f"{prefix}/{name}")
            log.info("version %d was deleted from the store", version)

    def withdraw(self, version: int) -> None:
        """Make every volume delete a version. Its objects stay in the store.

        Raises:
            StoreError: if the store has no such version or fails.
        """
        known, _ = read_index(self.store)
        if version not in {*known.versions, *known.withdrawn}:
            numbers = ", ".join(map(str, sorted(known.versions))) or "none"
            raise StoreError(f"the store does not have it; its versions are: {numbers}")
        self._change_index(
            lambda index: _without(index, [version]).model_copy(
                update={"withdrawn": tuple(sorted({*index.withdrawn, version}))}
            )
        )

    def upload_audits(self) -> None:
        """Upload the audit reports of this volume that the store does not have.

        Raises:
            StoreError: if the store fails.
            OSError: if the volume fails.
        """
        found = {
            directory.name: _read_audit(directory)
            for directory in sorted((self.volume / AUDITS_DIR).glob("*"))
            if is_audit_name(directory.name) and directory.is_dir()
        }
        if not found:
            return
        known, _ = read_index(self.store)
        status = read_sync_status(self.volume)
        mirrored = status.audits if status else {}
        changed: dict[str, dict[str, FileRecord]] = {}
        uploaded: dict[str, str] = {}
        for name, files in found.items():
            records = {file: _record(content) for file, content in files.items()}
            checksums = {f"{name}/{file}": record.sha256 for file, record in records.items()}
            # If the store has another one than was copied, that one is newer.
            is_copy = checksums.items() <= mirrored.items()
            is_known = name in known.audits and (is_copy or records == known.audits[name])
            if is_known or not records:
                continue
            for file, content in files.items():
                self.store.write(f"{AUDITS_DIR}/{name}/{file}", content)
            changed[name] = records
            uploaded |= checksums
        if changed:
            self._change_index(
                lambda index: index.model_copy(update={"audits": index.audits | changed})
            )
            VersionMirror(self.store, self.volume).record_uploaded_audits(uploaded)
            log.info("audit reports were uploaded: %s", ", ".join(changed))

    def _claim(self, number: int, training_fingerprint: str) -> int:
        """Reserve the next free number and return it.

        Creating an object that must not exist succeeds for one trainer only.
        """
        index, _ = read_index(self.store)
        number = max(number, 1 + max((*index.versions, *index.withdrawn), default=0))
        while True:
            name, content = f"{_CLAIMS}/{number}", training_fingerprint.encode()
            try:
                self.store.create(name, content)
            except ObjectChanged:
                number += 1
                continue
            try:
                self.store.create(name, content)
            except ObjectChanged:
                pass
            else:
                log.warning(
                    "the store ignores conditions of writes: publish from one trainer at a time"
                )
            return number

    def _change_index(self, change: Callable[[VersionIndex], VersionIndex]) -> None:
        """Replace the index, unless another trainer was faster; then change the new one."""
        for attempt in range(_INDEX_ATTEMPTS):
            index, tag = read_index(self.store)
            content = serialise_index(change(index))
            try:
                if tag is None:
                    self.store.create(INDEX, content)
                else:
                    self.store.write(INDEX, content, tag)
            except ObjectChanged:
                time.sleep(random.uniform(0, 0.1 * 2 ** min(attempt, 5)))
            else:
                return
        raise StoreError(f"{INDEX} was changed by other trainers {_INDEX_ATTEMPTS} times")


def _without(index: VersionIndex, removed: list[int]) -> VersionIndex:
    versions = {v: record for v, record in index.versions.items() if v not in removed}
    return index.model_copy(update={"versions": versions})


def _read_audit(directory: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in sorted(directory.iterdir())
        if is_audit_name(path.name)
        and path.is_file()
        and path.stat().st_size <= MAX_AUDIT_FILE_BYTES
    }


def _record(content: bytes) -> FileRecord:
    return FileRecord(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
