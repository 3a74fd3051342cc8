"""The active model: scans the models directory and activates the highest usable version.

The bundled model is active, as version 0, until the models directory contains a usable version.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from inference_service.engines import EngineLoader
from inference_service.errors import ModelError
from inference_service.model_loading import LoadedModel, Source, load_version
from shared.artifacts import ArtifactError, list_versions, verify
from shared.bundled_model import BUNDLED_VERSION

log = logging.getLogger(__name__)

_FileSignature = tuple[tuple[str, int, int], ...]
"""Path, size and change time of every file of a version."""


class ModelStore:
    """Holds the highest usable version; versions that cannot be used are rejected with a reason.

    The bundled model is the lowest of the versions. One thread calls `watch` or `refresh`; other
    threads read the attributes.
    """

    def __init__(
        self,
        versions_dir: Path,
        load_engine: EngineLoader,
        *,
        check_loading: Callable[[Path], None] = lambda directory: None,
        bundled_model: Path | None = None,
    ) -> None:
        """Create a store without an active version.

        Args:
            versions_dir: directory that contains one directory per version; it may be missing.
            load_engine: creates the engine of a version.
            check_loading: called before a version is loaded; raises ModelError to reject it.
            bundled_model: directory that contains version 0.
        """
        self.active: LoadedModel | None = None
        self.rejected: Mapping[int, str] = {}
        """Reasons by version. Replaced, never modified: other threads read it."""
        self.swaps = 0
        """How often a version was activated."""
        self.rejections = 0
        """How often a version was rejected."""
        self.initial_scan = threading.Event()
        """Set after the first scan."""
        self._versions_dir = versions_dir
        self._load_engine = load_engine
        self._check_loading = check_loading
        self._bundled_model = bundled_model
        self._warned_about_version_0 = False
        self._active_signature: _FileSignature = ()
        self._rejected_signatures: dict[int, _FileSignature] = {}

    def watch(self, poll_s: float, stop: threading.Event) -> None:
        """Refresh every `poll_s` seconds until `stop` is set."""
        while True:
            try:
                self.refresh()
            except Exception:
                # The model in memory stays active when the directory cannot be read.
                log.exception("the scan of the models directory failed")
            self.initial_scan.set()
            if stop.wait(poll_s):
                return

    def refresh(self) -> None:
        """Scan the models directory once and activate the highest usable version."""
        directories = self._find_versions()
        for missing in self.rejected.keys() - directories.keys():
            self._clear_rejection(missing)
        for version, directory in directories.items():
            if self._activate(version, directory):
                return

    def _find_versions(self) -> dict[int, Path]:
        """Return the directory of each version, the highest version first."""
        found = {
            v: self._versions_dir / str(v) for v in reversed(list_versions(self._versions_dir))
        }
        if self._bundled_model is None:
            return found
        # Version 0 is always the bundled model.
        if found.pop(BUNDLED_VERSION, None) and not self._warned_about_version_0:
            self._warned_about_version_0 = True
            log.warning("version 0 in %s is ignored: 0 is the bundled model", self._versions_dir)
        # An empty directory means a rollback to the bundled model. If the directory is temporarily
        # missing, keep the active model.
        if self.active is None or self._versions_dir.exists():
            found[BUNDLED_VERSION] = self._bundled_model / str(BUNDLED_VERSION)
        return found

    def _activate(self, version: int, directory: Path) -> bool:
        """Load a version if its files are new, and return whether it is active now."""
        signature = _sign_files(directory)
        is_active = self.active is not None and version == self.active.version
        if is_active and signature == self._active_signature:
            return True
        if self._rejected_signatures.get(version) == signature:
            # If its files were damaged after loading, the model in memory is still good.
            return is_active
        started = time.perf_counter()
        try:
            verify(directory)  # cheaper than the load check, which starts a process
            self._check_loading(directory)
            is_bundled = directory.parent == self._bundled_model
            source: Source = "bundled" if is_bundled else "volume"
            model = load_version(directory, self._load_engine, source)
        except Exception as error:
            # No error of one version may prevent the use of older versions.
            self._reject(version, signature, error)
            return is_active
        self._clear_rejection(version)
        self.active = model
        self._active_signature = signature
        self.swaps += 1
        log.info("version %d is active, loaded in %.2f s", version, time.perf_counter() - started)
        return True

    def _reject(self, version: int, signature: _FileSignature, error: Exception) -> None:
        """Record why a version is rejected. It is loaded again when its files change."""
        if not isinstance(error, ArtifactError | ModelError):
            log.error("loading version %d failed unexpectedly", version, exc_info=error)
        self.rejected = {**self.rejected, version: str(error) or type(error).__name__}
        self._rejected_signatures[version] = signature
        self.rejections += 1
        log.warning("version %d was rejected: %s", version, self.rejected[version])

    def _clear_rejection(self, version: int) -> None:
        self.rejected = {v: reason for v, reason in self.rejected.items() if v != version}
        self._rejected_signatures.pop(version, None)


def _sign_files(directory: Path) -> _FileSignature:
    entries = []
    for path in sorted(directory.rglob("*")):
        try:
            stat = path.lstat()
        except OSError:
            continue  # removed meanwhile, or not accessible; `verify` reports it
        entries.append((str(path), stat.st_size, stat.st_ctime_ns))
    return tuple(entries)
