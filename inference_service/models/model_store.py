"""The active model: scans the models directory and activates the highest usable version.

A version is usable if it can be loaded and predicts the captchas that the generator renders. The
bundled model is active, as version 0, until the models directory contains a usable version.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from inference_service.engines import EngineLoader
from inference_service.errors import ModelError, UnsupportedCaptchas
from inference_service.models.model_loading import LoadedModel, load_version
from inference_service.models.rejection import FileSignature, Rejection, sign_files
from inference_service.models.version_choice import choose_restriction
from inference_service.models.version_scan import FoundVersion, VersionScanner
from shared.captchas.restriction import Restriction
from shared.captchas.spec import CaptchaSpec
from shared.versions.artifacts import ArtifactError, verify

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ActiveModel:
    """The version that predicts, and what its texts can be unless a request says otherwise."""

    model: LoadedModel
    restriction: Restriction


class ModelStore:
    """Holds the highest usable version; versions that cannot be loaded are rejected with a reason.

    The bundled model is the lowest of the versions. One thread calls `watch` or `refresh`; other
    threads read the attributes, whose values are replaced, never modified.
    """

    def __init__(
        self,
        versions_dir: Path,
        load_engine: EngineLoader,
        *,
        check_loading: Callable[[Path], None] = lambda directory: None,
        bundled_model: Path | None = None,
        find_generator: Callable[[], CaptchaSpec | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create a store without an active version.

        Args:
            versions_dir: directory that contains one directory per version; it may be missing.
            load_engine: creates the engine of a version.
            check_loading: called before a version is loaded; raises an exception to reject it.
            bundled_model: directory that contains version 0.
            find_generator: returns the captchas that the generator renders; None if they are not
                known.
            clock: seconds, for the time until a rejected version is checked again.
        """
        self.active: ActiveModel | None = None
        self.generator: CaptchaSpec | None = None
        """The captchas that the generator renders; None if they are not known."""
        self.versions: Sequence[FoundVersion] = ()
        """All versions, the highest first."""
        self.directory_problem = ""
        """Why the models directory cannot be read; empty if it can."""
        self.swaps = 0
        """How often a version was activated."""
        self.rejections = 0
        """How often a version was rejected."""
        self.initial_scan = threading.Event()
        """Set after the first scan."""
        self.versions_dir = versions_dir
        self._load_engine = load_engine
        self._check_loading = check_loading
        self._find_generator = find_generator
        self._clock = clock
        self._scanner = VersionScanner(versions_dir, bundled_model)
        self._active_signature: FileSignature = ()
        self._rejections: Mapping[int, Rejection] = {}

    @property
    def rejected(self) -> dict[int, str]:
        """Why versions cannot be used, by version."""
        return {version: rejection.reason for version, rejection in self._rejections.items()}

    def watch(self, poll_s: float, stop: threading.Event) -> None:
        """Refresh every `poll_s` seconds until `stop` is set."""
        while True:
            try:
                self.refresh()
            except Exception:
                # A bug. The model in memory stays active.
                log.exception("the scan of the models directory failed")
            self.initial_scan.set()
            if stop.wait(poll_s):
                return

    def refresh(self) -> None:
        """Scan the models directory once and activate the highest usable version."""
        self.generator = self._find_generator()
        try:
            self.versions = self._scanner.scan(self.generator)
            self.directory_problem = self._scanner.problem
            if not self.directory_problem:
                for missing in self._rejections.keys() - {v.version for v in self.versions}:
                    self._clear_rejection(missing)
            for found in self.versions:
                if self._keeps_active(found) or self._activate(found):
                    break
        finally:
            # Even if the scan fails: the generator may have changed.
            self._restrict_active()

    def _keeps_active(self, found: FoundVersion) -> bool:
        """Whether the active model stays although only the bundled model is found.

        An empty directory means a rollback to the bundled model. One that is missing or cannot be
        read may be back in a moment, so the active model stays.
        """
        return (
            found.source == "bundled"
            and (self.directory_problem or not self.versions_dir.exists())
            and self._choose_active_restriction() is not None
        )

    def _activate(self, found: FoundVersion) -> bool:
        """Load a version unless it is active or rejected, and return whether it is active now."""
        if found.mismatch:
            return False
        version = found.version
        signature = sign_files(found.directory)
        is_active = (
            self.active is not None
            and self.active.model.version == version
            and self._choose_active_restriction() is not None
        )
        if is_active and signature == self._active_signature:
            return True
        rejection = self._rejections.get(version)
        if rejection and rejection.is_valid(signature, self._clock()):
            # If its files were damaged after loading, the model in memory is still good.
            return is_active
        started = time.perf_counter()
        try:
            verify(found.directory)  # cheaper than the load check, which starts a process
            self._check_loading(found.directory)
            model = load_version(found.directory, self._load_engine, found.source)
            restriction = choose_restriction(model.manifest, model.source, self.generator)
        except Exception as error:
            # No error of one version may prevent the use of older versions.
            self._reject(version, signature, error)
            return is_active
        self._clear_rejection(version)
        self.active = ActiveModel(model, restriction)
        self._active_signature = signature
        self.swaps += 1
        log.info("version %d is active, loaded in %.2f s", version, time.perf_counter() - started)
        return True

    def _restrict_active(self) -> None:
        """Adapt the active version to the generator; deactivate it if it is for other captchas."""
        if self.active is None:
            return
        model, restriction = self.active.model, self._choose_active_restriction()
        if restriction is None:
            self.active = None
            log.warning(
                "version %d is not active any more: the generator has changed", model.version
            )
        elif restriction != self.active.restriction:
            self.active = ActiveModel(model, restriction)
            log.info("version %d predicts %s", model.version, restriction)

    def _choose_active_restriction(self) -> Restriction | None:
        """Return what the texts of the active version can be; None if it is for other captchas."""
        if self.active is None:
            return None
        model = self.active.model
        try:
            return choose_restriction(model.manifest, model.source, self.generator)
        except UnsupportedCaptchas:
            return None

    def _reject(self, version: int, signature: FileSignature, error: Exception) -> None:
        """Record why a version is rejected, and when it is checked again."""
        if not isinstance(error, ArtifactError | ModelError | OSError):
            log.error("loading version %d failed unexpectedly", version, exc_info=error)
        rejection = Rejection.from_error(error, signature, self._clock())
        self._rejections = {**self._rejections, version: rejection}
        self.rejections += 1
        log.warning("version %d was rejected: %s", version, rejection.reason)

    def _clear_rejection(self, version: int) -> None:
        self._rejections = {v: found for v, found in self._rejections.items() if v != version}
