"""A mirror of an object store on a models volume.

A version is downloaded into a temporary directory beside the others, compared with its manifest,
and renamed into place. The volume therefore has complete versions only, whatever the store does.
Nothing on the volume is deleted because the store fails or forgets it.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from shared.file_lock import lock_file
from shared.replaced_file import replace_file
from shared.validation_errors import describe_first_error
from shared.versions.artifacts import (
    KEPT_VERSIONS,
    MANIFEST,
    MODEL_NAME,
    ArtifactError,
    fsync,
    list_versions,
    read_manifest,
    verify,
)
from shared.versions.manifest import FileRecord
from shared.versions.object_store import ObjectMissing, ObjectStore, StoreError
from shared.versions.sync_status import SyncStatus, read_sync_status, write_sync_status
from shared.versions.training_status import (
    MAX_STATUS_BYTES,
    TRAINING_STATUS,
    TrainingStatus,
    TrainingStatusError,
    read_training_status,
    write_training_status,
)
from shared.versions.version_download import MirrorLimits, download_version
from shared.versions.version_index import AUDITS_DIR, MAX_AUDIT_FILE_BYTES, VersionIndex, read_index

log = logging.getLogger(__name__)

_PARTIAL = ".mirror-"


class _NotRequested(ArtifactError):
    """An error that is found before anything is requested, so repeating it costs nothing."""


class VersionMirror:
    """Copies new versions, audit reports and the status of the training to a volume."""

    def __init__(
        self, store: ObjectStore, volume: Path, limits: MirrorLimits | None = None
    ) -> None:
        """Create a mirror, which does nothing yet."""
        self._store, self._volume = store, volume
        self._versions_dir = volume / MODEL_NAME
        self._limits = limits or MirrorLimits()
        self._verified: set[int] = set()
        self._problems: list[str] = []
        self.has_failed = False
        """Whether a request or a copy failed in the last run: the next run should be later."""

    def run_once(self) -> list[str]:
        """Copy what is new, and return a sentence for everything that cannot be copied.

        Raises:
            OSError: if the volume cannot be written; a failing store raises nothing.
        """
        with self._lock():
            for abandoned in self._versions_dir.glob(f"{_PARTIAL}*"):
                # What cannot be deleted now, such as a file in use on a network file system, is
                # tried again in the next run.
                shutil.rmtree(abandoned, ignore_errors=True)
            self._problems, self.has_failed = [], False
            earlier = self._read_status()
            mirrored, audits = list(earlier.mirrored), dict(earlier.audits)
            index: VersionIndex | None = None
            with self._reporting("the index"):
                index, tag = read_index(self._store)
                if tag is None:
                    self._report("the store has no index: no trainer has uploaded a version to it")
            if index:
                known = {*mirrored, *self._mirror_versions(index)}
                mirrored = self._delete_old(index, known)
                self._mirror_audits(index, audits)
            with self._reporting(TRAINING_STATUS):
                self._mirror_training_status()
            write_sync_status(self._volume, self._problems, mirrored, audits)
        return self._problems

    def record_uploaded_version(self, version: int) -> None:
        """Record a version that was uploaded from this volume: it is that of the store.

        Raises:
            OSError: if the volume cannot be written.
        """
        with self._lock():
            status = self._read_status()
            mirrored = sorted({*status.mirrored, version})
            write_sync_status(self._volume, status.problems, mirrored, status.audits)

    def record_uploaded_audits(self, audits: Mapping[str, str]) -> None:
        """Record audit files that were uploaded from this volume: they are those of the store.

        Args:
            audits: the SHA-256 of each file, by `name/file`.

        Raises:
            OSError: if the volume cannot be written.
        """
        with self._lock():
            status = self._read_status()
            known = {**status.audits, **audits}
            write_sync_status(self._volume, status.problems, status.mirrored, known)

    def _read_status(self) -> SyncStatus:
        """Return the status on the volume; an empty one before the first run."""
        return read_sync_status(self._volume) or SyncStatus(checked=datetime.now(UTC))

    def _mirror_versions(self, index: VersionIndex) -> list[int]:
        """Fetch the missing versions, the highest first; return those that the volume has now."""
        mirrored = []
        for version, record in sorted(index.versions.items(), reverse=True):
            if version in index.withdrawn:
                continue
            with self._reporting(f"version {version}"):
                if not self._has(version, record):
                    self._fetch(version, record)
                    log.info("version %d was copied from the store", version)
                mirrored.append(version)
        return sorted(mirrored)

    def _has(self, version: int, record: FileRecord) -> bool:
        """Return whether the volume has a version; damaged files are found once per process.

        Raises:
            ArtifactError: if it has another version with this number.
        """
        directory = self._versions_dir / str(version)
        if not directory.exists():
            return False
        try:
            content = (directory / MANIFEST).read_bytes()
        except OSError as error:
            log.warning("version %d is copied again: %s", version, error.strerror)
            return False
        is_same = hashlib.sha256(content).hexdigest() == record.sha256
        if version not in self._verified or not is_same:
            try:
                verify(directory)
            except ArtifactError as error:
                log.warning("version %d is copied again: %s", version, error)
                return False
        if not is_same:
            raise _NotRequested("the volume has another version with this number, which is kept")
        self._verified.add(version)
        return True

    def _fetch(self, version: int, record: FileRecord) -> None:
        """Download a version and rename it into place.

        Raises:
            StoreError, ArtifactError, OSError: if it is not complete and correct.
        """
        partial = self._versions_dir / f"{_PARTIAL}{version}-{secrets.token_hex(4)}"
        try:
            download_version(self._store, version, record, partial, self._limits)
            self._install(partial, version)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        self._verified.add(version)

    def _install(self, partial: Path, version: int) -> None:
        target = self._versions_dir / str(version)
        if target.exists():  # it is damaged
            target.rename(self._versions_dir / f"{_PARTIAL}damaged-{secrets.token_hex(4)}")
        partial.rename(target)
        fsync(self._versions_dir)

    def _delete_old(self, index: VersionIndex, mirrored: set[int]) -> list[int]:
        """Delete withdrawn versions, and old ones that the store does not offer any more.

        Versions that did not come from the store stay, and so do the newest ones for the same
        captchas, because an index can be wrong.
        """
        ours = mirrored & {*list_versions(self._versions_dir)}
        kept = {version for version in ours if version in index.versions}
        if index.versions:
            kept |= self._find_newest()
        else:
            kept = ours
        deleted = sorted((ours - kept) | (ours & {*index.withdrawn}))
        for version in deleted:
            # Renamed first, so that no reader finds a version with a part of its files.
            old = self._versions_dir / f"{_PARTIAL}old-{version}"
            (self._versions_dir / str(version)).rename(old)
            shutil.rmtree(old, ignore_errors=True)
            log.info("version %d is deleted: the store does not offer it any more", version)
        return sorted(ours - {*deleted})

    def _find_newest(self) -> set[int]:
        """Return the newest versions on the volume for each kind of captchas."""
        by_captchas: dict[tuple[str, bool], list[int]] = {}
        for version in list_versions(self._versions_dir):
            try:
                manifest = read_manifest(self._versions_dir / str(version))
            except ArtifactError:
                continue
            key = manifest.captcha_spec.fingerprint, manifest.is_image_folder
            by_captchas.setdefault(key, []).append(version)
        return {v for versions in by_captchas.values() for v in versions[-KEPT_VERSIONS:]}

    def _mirror_audits(self, index: VersionIndex, mirrored: dict[str, str]) -> None:
        """Fetch the audit files that differ from the store.

        Args:
            index: what the store offers.
            mirrored: the checksums of the last run, changed in place to those of this one.
        """
        for name, files in index.audits.items():
            for file, record in files.items():
                key = f"{name}/{file}"
                with self._reporting(f"{AUDITS_DIR}/{key}"):
                    self._mirror_audit_file(key, record, mirrored.get(key))
                    mirrored[key] = record.sha256

    def _mirror_audit_file(self, key: str, record: FileRecord, mirrored: str | None) -> None:
        if record.size_bytes > MAX_AUDIT_FILE_BYTES:
            raise _NotRequested(f"it has more than {MAX_AUDIT_FILE_BYTES:,} bytes")
        path = self._volume / AUDITS_DIR / key
        if path.is_file():
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            if sha256 == record.sha256:
                return
            if sha256 != mirrored:
                # An audit on this volume, which could not be uploaded yet.
                raise _NotRequested(
                    "the volume has another audit of this name; delete it to get this one"
                )
        content = self._store.read(f"{AUDITS_DIR}/{key}", record.size_bytes).content
        if hashlib.sha256(content).hexdigest() != record.sha256:
            raise ArtifactError("its SHA-256 differs from the index")
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(path) as partial:
            partial.write_bytes(content)

    def _mirror_training_status(self) -> None:
        """Copy the status of the training, unless the volume has a newer one."""
        try:
            content = self._store.read(TRAINING_STATUS, MAX_STATUS_BYTES).content
        except ObjectMissing:
            return  # no training has run
        status = TrainingStatus.model_validate_json(content)
        try:
            known = read_training_status(self._volume)
        except TrainingStatusError:
            known = None
        if known is None or known.updated < status.updated:
            write_training_status(self._volume, status)

    @contextmanager
    def _reporting(self, what: str) -> Iterator[None]:
        """Turn an error of one part into a sentence; the others are copied nevertheless."""
        try:
            yield
        except StoreError as error:
            self.has_failed = True
            self._report(f"{what} was not copied: {error}")
        except ValidationError as error:
            reason = describe_first_error(error)
            self._report(f"{what} was not copied: it is invalid: {reason}")
        except ArtifactError as error:
            self.has_failed |= not isinstance(error, _NotRequested)
            self._report(f"{what} was not copied: {error}")
        except OSError as error:
            self.has_failed = True
            self._report(f"{what} was not copied: the volume failed: {error.strerror}")

    def _report(self, problem: str) -> None:
        self._problems.append(problem)
        log.warning("%s", problem)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Copy in one process at a time: the trainer and the sync service can share a volume."""
        with lock_file(self._versions_dir / ".mirror.lock"):
            yield
