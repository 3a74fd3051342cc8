"""Scan of the versions on disk: their manifests, and whether they predict the right captchas."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from inference_service.errors import UnsupportedCaptchas
from inference_service.models.model_loading import Source
from inference_service.models.version_choice import choose_restriction
from shared.captchas.restriction import Restriction
from shared.captchas.spec import CaptchaSpec
from shared.versions.artifacts import MANIFEST, ArtifactError, list_versions, read_manifest
from shared.versions.bundled_model import BUNDLED_VERSION
from shared.versions.manifest import Manifest

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FoundVersion:
    """A version on disk.

    Attributes:
        version: its number.
        source: where it comes from.
        directory: its files.
        manifest: None if it cannot be read.
        problem: why it cannot be read; empty if it can.
        restriction: what its texts can be; None if the manifest cannot be read, or if the version
            does not predict the captchas of the generator.
        mismatch: why it does not predict them; empty if it does.
    """

    version: int
    source: Source
    directory: Path
    manifest: Manifest | None
    problem: str
    restriction: Restriction | None
    mismatch: str


class VersionScanner:
    """Finds the versions in the models directory, and the bundled model as version 0."""

    def __init__(self, versions_dir: Path, bundled_model: Path | None) -> None:
        self.problem = ""
        """Why the models directory cannot be read, without its path; empty if it can."""
        self._versions_dir = versions_dir
        self._bundled_model = bundled_model
        self._warned_about_version_0 = False
        self._manifests: dict[Path, tuple[tuple[int, int, int], Manifest]] = {}

    def scan(self, generator: CaptchaSpec | None) -> list[FoundVersion]:
        """Return all versions, the highest first; only the bundled model if there is a problem.

        Args:
            generator: the captchas that the generator renders; None if they are not known.
        """
        directories = self._list_directories()
        self._manifests = {d: m for d, m in self._manifests.items() if d in directories.values()}
        return [self._describe(v, directory, generator) for v, directory in directories.items()]

    def _list_directories(self) -> dict[int, Path]:
        found = {v: self._versions_dir / str(v) for v in reversed(self._list_numbers())}
        if self._bundled_model is None:
            return found
        # Version 0 is always the bundled model.
        if found.pop(BUNDLED_VERSION, None) and not self._warned_about_version_0:
            self._warned_about_version_0 = True
            log.warning("version 0 in %s is ignored: 0 is the bundled model", self._versions_dir)
        found[BUNDLED_VERSION] = self._bundled_model / str(BUNDLED_VERSION)
        return found

    def _list_numbers(self) -> list[int]:
        numbers: list[int] = []
        problem = ""
        try:
            numbers = list_versions(self._versions_dir)
        except OSError as error:
            problem = f"the models directory cannot be read: {error.strerror or error}"
        # Logged once, because there is a scan every second.
        if problem and problem != self.problem:
            log.warning("%s (%s)", problem, self._versions_dir)
        elif self.problem and not problem:
            log.info("the models directory can be read again (%s)", self._versions_dir)
        self.problem = problem
        return numbers

    def _describe(
        self, version: int, directory: Path, generator: CaptchaSpec | None
    ) -> FoundVersion:
        source: Source = "bundled" if directory.parent == self._bundled_model else "volume"
        manifest, problem, restriction, mismatch = None, "", None, ""
        try:
            manifest = self._read_manifest(directory)
            restriction = choose_restriction(manifest, source, generator)
        except ArtifactError as error:
            problem = str(error)
        except UnsupportedCaptchas as error:
            mismatch = str(error)
        return FoundVersion(version, source, directory, manifest, problem, restriction, mismatch)

    def _read_manifest(self, directory: Path) -> Manifest:
        """Return a manifest, which is parsed again only if the file was changed.

        Raises:
            ArtifactError: if there is no valid manifest.
        """
        try:
            status = (directory / MANIFEST).lstat()
        except OSError:
            return read_manifest(directory)  # it raises the error that describes this
        signature = (status.st_ino, status.st_size, status.st_ctime_ns)
        if directory not in self._manifests or self._manifests[directory][0] != signature:
            self._manifests[directory] = signature, read_manifest(directory)
        return self._manifests[directory][1]
