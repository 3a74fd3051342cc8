"""The model that answers: watches the volume, verifies, warms up, swaps.

Until the volume holds a version that can be used, the one in the box answers, as version 0.
"""

from __future__ import annotations

import base64
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from inference_service.engines import Engine, EngineError
from shared.artifacts import ArtifactError, Manifest, list_versions, verify
from shared.images import decode_image
from shared.labels import best_indices, decode
from shared.spec import CaptchaSpec

log = logging.getLogger(__name__)

# Engines round differently; a model that is truly another one differs by far more.
GOLDEN_TOLERANCE = 1e-3
# Training publishes from 1 on: lower than whatever the volume holds.
BOX_VERSION = 0

Stamp = tuple[tuple[str, int, int], ...]
EngineLoader = Callable[[Path, CaptchaSpec], Engine]


@dataclass(frozen=True)
class Reading:
    """What a model reads in one image."""

    text: str
    confidences: npt.NDArray[np.float32]
    """Probability of each character of the text."""
    confidence: float
    """Probability of the whole text: the product over all positions, the empty ones too."""


@dataclass(frozen=True)
class LoadedModel:
    """One version, ready to answer. A request keeps the one it began with."""

    version: int
    spec: CaptchaSpec
    manifest: Manifest
    engine: Engine
    in_box: bool = False
    """It came with the program, not from the volume."""

    def read(self, images: npt.NDArray[np.uint8]) -> list[Reading]:
        """Reads grey images uint8 (N, height, width), one reading each."""
        probabilities = self.engine.predict(images)
        indices = best_indices(probabilities, self.spec)
        texts = decode(indices, self.spec)
        chosen = np.take_along_axis(probabilities, indices[:, :, np.newaxis], axis=2)[:, :, 0]
        return [
            Reading(text, confidences[: len(text)], float(confidences.prod()))
            for text, confidences in zip(texts, chosen, strict=True)
        ]


class ModelStore:
    """Holds the highest version that verifies; what cannot be used is refused with its reason.

    With a box, its version 0 is the lowest of them: one more to fall back to.
    """

    def __init__(
        self,
        root: Path,
        load_engine: EngineLoader,
        try_out: Callable[[Path], None] = lambda directory: None,
        box: Path | None = None,
    ) -> None:
        """`try_out` sees a version before it is loaded; it raises EngineError to keep it out.
        `box` is the directory that holds version 0, if there is one."""
        self.current: LoadedModel | None = None
        self.refused: Mapping[int, str] = {}
        """Versions that are not used, with the reason. Never changed, always replaced: others
        read it while the watch goes on."""
        self.swaps = 0
        self.refusals = 0
        self.looked = threading.Event()
        """Set once the volume was looked at for the first time."""
        self._root = root
        self._load_engine = load_engine
        self._try_out = try_out
        self._box = box
        self._told_of_zero = False
        self._current_stamp: Stamp = ()
        self._refused_stamps: dict[int, Stamp] = {}

    def refresh(self) -> None:
        """Looks at the volume once and swaps if a better version is there."""
        found = self._find()
        for gone in self.refused.keys() - found.keys():
            self._forget_refusal(gone)
        for version, directory in found.items():
            stamp = _stamp(directory)
            is_current = self.current is not None and version == self.current.version
            if is_current and stamp == self._current_stamp:
                return
            if self._refused_stamps.get(version) == stamp:
                if is_current:
                    return  # its files were damaged since: what is in memory is still good
                continue
            began = time.perf_counter()
            try:
                model = self._load(directory)
            except Exception as error:
                # Whatever is wrong with it, it must not keep older versions from answering.
                # Perhaps it is still being copied: it is tried again when its files change.
                if not isinstance(error, ArtifactError | EngineError):
                    log.exception("version %d broke the loader", version)
                reason = str(error) or type(error).__name__
                self.refused = {**self.refused, version: reason}
                self._refused_stamps[version] = stamp
                self.refusals += 1
                log.warning("version %d refused: %s", version, error)
                if is_current:
                    return
                continue
            self._forget_refusal(version)
            self.current = model
            self._current_stamp = stamp
            self.swaps += 1
            log.info("version %d answers, %.2f s to load", version, time.perf_counter() - began)
            return

    def _find(self) -> dict[int, Path]:
        """The directory of each version that may answer, the highest first."""
        found = {v: self._root / str(v) for v in reversed(list_versions(self._root))}
        if self._box is None:
            return found
        # One number must not mean two models.
        if found.pop(BOX_VERSION, None) and not self._told_of_zero:
            self._told_of_zero = True
            log.warning("the volume's version 0 is not used: this number is the box's")
        # A volume that was emptied is rolled back to the box. One that is not there at all, perhaps
        # for a moment, says nothing about the model in memory, which reads better.
        if self.current is None or self._root.exists():
            found[BOX_VERSION] = self._box / str(BOX_VERSION)
        return found

    def _forget_refusal(self, version: int) -> None:
        self.refused = {known: why for known, why in self.refused.items() if known != version}
        self._refused_stamps.pop(version, None)

    def watch(self, poll_s: float, stop: threading.Event) -> None:
        """Refreshes every `poll_s` seconds until told to stop."""
        while True:
            try:
                self.refresh()
            except Exception:
                # A volume that cannot be read today must not end the watch: the model in
                # memory goes on answering.
                log.exception("looking for models failed")
            self.looked.set()
            if stop.wait(poll_s):
                return

    def _load(self, directory: Path) -> LoadedModel:
        verify(directory)  # first: it costs less than a process
        self._try_out(directory)
        model = load_version(directory, self._load_engine)
        return replace(model, in_box=directory.parent == self._box)


def load_version(directory: Path, load_engine: EngineLoader) -> LoadedModel:
    """The version in a directory named by its number, verified, loaded and warmed up.

    Raises ArtifactError or EngineError.
    """
    manifest = verify(directory)
    spec = manifest.captcha_spec
    engine = load_engine(directory, spec)
    _check_golden(engine, manifest, spec)
    return LoadedModel(int(directory.name), spec, manifest, engine)


def _check_golden(engine: Engine, manifest: Manifest, spec: CaptchaSpec) -> None:
    """Warms the engine up on the manifest's captcha and holds it to the trainer's answer."""
    golden = manifest.golden
    try:
        expected = np.array(golden.probabilities, np.float32)
        image = decode_image(base64.b64decode(golden.image), spec)
        answer = engine.predict(image[np.newaxis])[0]
    except ValueError as error:
        raise ArtifactError(f"the golden captcha cannot be used: {error}") from error
    except Exception as error:
        raise EngineError(f"the golden captcha broke the model: {error}") from error
    if answer.shape != expected.shape:
        raise ArtifactError(f"the golden answer is {expected.shape}, the model's {answer.shape}")
    # Written so that NaN fails too.
    text = decode(best_indices(np.nan_to_num(answer)[np.newaxis], spec), spec)[0]
    if not np.abs(answer - expected).max() <= GOLDEN_TOLERANCE or text != golden.text:
        raise ArtifactError(
            f"the golden captcha was read as {text!r}, not as the trainer did ({golden.text!r})"
        )


def _stamp(directory: Path) -> Stamp:
    entries = []
    for path in sorted(directory.rglob("*")):
        try:
            stat = path.lstat()
        except OSError:
            continue  # vanished, or may not be seen: verifying will tell
        entries.append((str(path), stat.st_size, stat.st_ctime_ns))
    return tuple(entries)
