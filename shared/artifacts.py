"""Model versions on disk: publish atomically, verify, list.

A version is a directory `<models>/captcha/<integer>/` with a TensorFlow SavedModel, so that
TensorFlow Serving can serve it too, and a manifest that proves it whole. It appears under its
number in one rename, complete, or not at all.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.spec import CaptchaSpec, SpecError

log = logging.getLogger(__name__)

MODEL_NAME = "captcha"
MANIFEST = "manifest.json"
SAVED_MODEL = "saved_model.pb"
# The names in a SavedModel's signature: uint8 (N, height, width) in, float32 (N, length, classes)
# out.
SIGNATURE_INPUT = "images"
SIGNATURE_OUTPUT = "probabilities"
_MAX_MANIFEST_BYTES = 10_000_000
_INCOMING = ".incoming-"


class ArtifactError(ValueError):
    """A model version that cannot be trusted; the text says why."""


class FileRecord(BaseModel):
    """What a file of a version must be."""

    model_config = ConfigDict(frozen=True)

    sha256: str
    size_bytes: int


class Golden(BaseModel):
    """A captcha and the answer the trainer got for it; every engine must repeat it."""

    model_config = ConfigDict(frozen=True)

    image: str
    """PNG in base64."""
    text: str
    """What the model reads in it."""
    probabilities: list[list[float]]
    """(length, classes), rows sum to 1."""


class ManifestDraft(BaseModel):
    """What the trainer knows of a model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    created: str
    """UTC, ISO 8601."""
    recipe: str
    """Fingerprint of spec, drawing and configuration: equal when training again would repeat it."""
    spec: dict[str, Any]
    drawing: dict[str, Any]
    config: dict[str, Any]
    metrics: dict[str, Any]
    libraries: dict[str, str]
    golden: Golden

    @property
    def captcha_spec(self) -> CaptchaSpec:
        """The captchas this model reads. Raises SpecError."""
        return CaptchaSpec.from_dict(self.spec)


class Manifest(ManifestDraft):
    """The draft and the SHA-256 of every other file of the version."""

    files: dict[str, FileRecord]


def list_versions(root: Path) -> list[int]:
    """Version numbers under `<models>/captcha`, ascending; none if there is no such directory."""
    try:
        entries = list(root.iterdir())
    except FileNotFoundError:
        return []
    return sorted(int(e.name) for e in entries if e.name.isdecimal() and e.is_dir())


def read_manifest(version_dir: Path) -> Manifest:
    """The manifest of a version, its files not yet checked. Raises ArtifactError."""
    path = version_dir / MANIFEST
    try:
        if _regular_size(path) > _MAX_MANIFEST_BYTES:
            raise ArtifactError(f"{MANIFEST} has more than {_MAX_MANIFEST_BYTES:,} bytes")
        manifest = Manifest.model_validate_json(path.read_bytes())
        manifest.captcha_spec  # noqa: B018 - raises if the spec cannot be
    except FileNotFoundError:
        raise ArtifactError(f"no {MANIFEST}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ArtifactError(f"{MANIFEST} is damaged: {where} {first['msg']}") from error
    except (OSError, SpecError) as error:
        raise ArtifactError(f"{MANIFEST} cannot be used: {error}") from error
    return manifest


def verify(version_dir: Path) -> Manifest:
    """The manifest, after every file it names was found unchanged. Raises ArtifactError."""
    manifest = read_manifest(version_dir)
    if SAVED_MODEL not in manifest.files:
        raise ArtifactError(f"{MANIFEST} names no {SAVED_MODEL}")
    for name in manifest.files:
        if not _is_inside(name):
            raise ArtifactError(f"{MANIFEST} names {name!r}, which is not a file of this version")
    for name, expected in manifest.files.items():
        path = version_dir / name
        try:
            size_bytes = _regular_size(path)
            if size_bytes != expected.size_bytes:
                raise ArtifactError(f"{name} has {size_bytes} bytes, not {expected.size_bytes}")
            if _sha256(path) != expected.sha256:
                raise ArtifactError(f"{name} was changed: its SHA-256 is not the manifest's")
        except OSError as error:
            raise ArtifactError(f"{name} cannot be read: {error.strerror}") from error
    return manifest


def require_writable(root: Path) -> None:
    """Raises OSError if nothing could be published there: better known before than after."""
    with _locked(root):
        pass


def publish(source: Path, root: Path, draft: ManifestDraft) -> int:
    """Copies `source` (a SavedModel and what belongs to it) to the next version number.

    Killed at any moment, it leaves either the whole version or none. Returns the number.
    """
    with _locked(root):
        for abandoned in root.glob(f"{_INCOMING}*"):
            shutil.rmtree(abandoned)
        incoming = root / f"{_INCOMING}{secrets.token_hex(4)}"
        try:
            _complete(source, incoming, draft)
            version = max(list_versions(root), default=0) + 1
            incoming.rename(root / str(version))
        except BaseException:
            shutil.rmtree(incoming, ignore_errors=True)
            raise
        try:
            _flush(root)
        except OSError as error:
            # It is there and whole, and services may have taken it: not to be called a failure.
            log.warning("version %d may not outlast a power cut: %s", version, error)
    return version


def _complete(source: Path, incoming: Path, draft: ManifestDraft) -> None:
    """Makes `incoming` a whole version, on the disk."""
    shutil.copytree(source, incoming)
    incoming.chmod(0o755)  # a temporary directory lets only its owner in
    files = {
        path.relative_to(incoming).as_posix(): FileRecord(
            sha256=_sha256(path), size_bytes=path.stat().st_size
        )
        for path in sorted(incoming.rglob("*"))
        if path.is_file()
    }
    manifest = Manifest(**draft.model_dump(), files=files)
    (incoming / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n")
    verify(incoming)
    for path in (*incoming.rglob("*"), incoming):
        _flush(path)


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Two trainers on one volume publish one after the other; the first one makes the directory."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return "\0" not in name and not path.is_absolute() and ".." not in path.parts


def _regular_size(path: Path) -> int:
    """Bytes of a file; a device or pipe, which could be read for ever, is refused."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise ArtifactError(f"{path.name} is not a regular file")
    return status.st_size


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    """Brings a file or directory to the disk: a power cut must not leave a name without content."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
