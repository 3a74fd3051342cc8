"""Model versions on disk: publish atomically, verify, list.

A version is a directory `<models>/captcha/<integer>/` with a TensorFlow SavedModel, as TensorFlow
Serving expects, and a manifest with the SHA-256 of every file. A version is renamed into place when
it is complete, so no reader finds a partial one.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import shutil
import stat
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from shared.captchas.spec import SpecError
from shared.file_lock import lock_file
from shared.validation_errors import describe_first_error
from shared.versions.manifest import FileRecord, Manifest, ManifestDraft

log = logging.getLogger(__name__)

MODEL_NAME = "captcha"
MANIFEST = "manifest.json"
SAVED_MODEL = "saved_model.pb"
# Signature of the SavedModel: uint8 (N, height, width) -> float32 (N, length, classes).
SIGNATURE_INPUT = "images"
SIGNATURE_OUTPUT = "probabilities"
KEPT_VERSIONS = 5
"""How many versions are kept for the same captchas, besides the best one."""
_MAX_MANIFEST_BYTES = 10_000_000
_PARTIAL = ".partial-"


class ArtifactError(ValueError):
    """An invalid model version."""


def list_versions(root: Path) -> list[int]:
    """Return the version numbers under `<models>/captcha`, ascending."""
    try:
        entries = list(root.iterdir())
    except FileNotFoundError:
        return []
    numbered = [e for e in entries if e.name.isdecimal() and str(int(e.name)) == e.name]
    return sorted(int(e.name) for e in numbered if e.is_dir())


def read_manifest(version_dir: Path) -> Manifest:
    """Return the manifest of a version without checking its files.

    Raises:
        ArtifactError: if there is no valid manifest.
    """
    path = version_dir / MANIFEST
    try:
        if _regular_size(path) > _MAX_MANIFEST_BYTES:
            raise ArtifactError(f"{MANIFEST} has more than {_MAX_MANIFEST_BYTES:,} bytes")
        content = path.read_bytes()
    except FileNotFoundError:
        raise ArtifactError(f"{MANIFEST} is missing") from None
    except OSError as error:
        raise ArtifactError(f"{MANIFEST} is invalid: {error}") from error
    return parse_manifest(content)


def parse_manifest(content: bytes) -> Manifest:
    """Return a manifest.

    Raises:
        ArtifactError: if it is invalid.
    """
    try:
        manifest = Manifest.model_validate_json(content)
        manifest.captcha_spec  # noqa: B018 - raises SpecError
    except ValidationError as error:
        reason = describe_first_error(error)
        raise ArtifactError(f"{MANIFEST} is invalid: {reason}") from error
    except SpecError as error:
        raise ArtifactError(f"{MANIFEST} is invalid: {error}") from error
    return manifest


def verify(version_dir: Path) -> Manifest:
    """Return the manifest after comparing every file with its checksum.

    Raises:
        ArtifactError: if a file is missing or was changed.
    """
    manifest = read_manifest(version_dir)
    check_file_names(manifest)
    for name, expected in manifest.files.items():
        path = version_dir / name
        try:
            size_bytes = _regular_size(path)
            if size_bytes != expected.size_bytes:
                raise ArtifactError(f"{name} has {size_bytes} bytes, not {expected.size_bytes}")
            if _sha256(path) != expected.sha256:
                raise ArtifactError(f"{name} was changed: its SHA-256 differs from the manifest")
        except OSError as error:
            raise ArtifactError(f"{name} cannot be read: {error.strerror}") from error
    return manifest


def check_file_names(manifest: Manifest) -> None:
    """Check that a manifest lists a SavedModel, and nothing outside the version.

    Raises:
        ArtifactError: if it does not.
    """
    if SAVED_MODEL not in manifest.files:
        raise ArtifactError(f"{MANIFEST} does not list {SAVED_MODEL}")
    for name in manifest.files:
        if not _is_inside(name):
            raise ArtifactError(f"{MANIFEST} lists {name!r}, which is outside the version")


def check_writable(root: Path) -> None:
    """Check before a training that its result can be published.

    Raises:
        OSError: if the directory is not writable.
    """
    # Two trainers publish one after the other.
    with lock_file(root / ".lock"):
        pass


def publish(
    source: Path,
    root: Path,
    draft: ManifestDraft,
    upload: Callable[[Path, int], int] | None = None,
) -> int:
    """Copy a SavedModel and its reports to the next version number.

    A process that is killed at any moment leaves a complete version or none.

    Args:
        source: the files, without a manifest.
        root: directory of the versions.
        draft: the manifest, without the checksums.
        upload: gets the complete version and the next number here, uploads it to an object store
            under that number or a higher one, and returns it. If it fails, nothing is published.

    Returns:
        The version number.
    """
    # Two trainers publish one after the other.
    with lock_file(root / ".lock"):
        for abandoned in root.glob(f"{_PARTIAL}*"):
            # Another trainer that prunes may be deleting it.
            shutil.rmtree(abandoned, ignore_errors=True)
        partial = root / f"{_PARTIAL}{secrets.token_hex(4)}"
        try:
            _write_version(source, partial, draft)
            version = max(list_versions(root), default=0) + 1
            if upload:
                version = upload(partial, version)
            try:
                partial.rename(root / str(version))
            except OSError:
                if not (upload and (root / str(version)).exists()):
                    raise
                shutil.rmtree(partial)  # the sync service has copied the uploaded version
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        try:
            fsync(root)
        except OSError as error:
            # The version is complete and may be in use already, so this is no failure.
            log.warning("version %d may be lost in a power failure: %s", version, error)
    return version


def _write_version(source: Path, target: Path, draft: ManifestDraft) -> None:
    try:
        shutil.copytree(source, target)
    except shutil.Error as error:
        # Its message is a list with the paths and the reason of every file.
        *_, reason = error.args[0][0]
        raise OSError(f"the version cannot be written: {reason}") from error
    target.chmod(0o755)  # a temporary directory is readable by its owner only
    files = {
        path.relative_to(target).as_posix(): FileRecord(
            sha256=_sha256(path), size_bytes=path.stat().st_size
        )
        for path in sorted(target.rglob("*"))
        if path.is_file()
    }
    manifest = Manifest(**draft.model_dump(), files=files)
    (target / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n")
    verify(target)
    for path in (*target.rglob("*"), target):
        fsync(path)


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return "\0" not in name and not path.is_absolute() and ".." not in path.parts


def _regular_size(path: Path) -> int:
    """Return the size in bytes of a regular file; reading a device or pipe might block forever."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise ArtifactError(f"{path.name} is not a regular file")
    return status.st_size


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fsync(path: Path) -> None:
    """Flush a file or directory to disk, so that a power failure cannot leave empty files."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
