"""The reference: the most accurate earlier version for the same captchas."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from shared.captchas.spec import CaptchaSpec
from shared.versions.artifacts import ArtifactError, list_versions, verify
from shared.versions.bundled_model import BUNDLED_DIR, BUNDLED_VERSION
from shared.versions.manifest import Manifest

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reference:
    """A version that a new one is compared with."""

    version: int
    directory: Path
    manifest: Manifest


def find_reference(models: Path, spec: CaptchaSpec, is_image_folder: bool) -> Reference | None:
    """Return the best version so far for the same captchas, or None if there is none.

    Each version records which one it was compared with and whether it was better. Comparing with
    the best one, and not with the latest, keeps small losses from adding up over many versions.

    Args:
        models: directory of the published versions.
        spec: the captchas.
        is_image_folder: whether they come from an image folder and not from a generator.
    """
    for version in reversed(list_versions(models)):
        reference = _read(models / str(version))
        if reference and reference.manifest.is_for(spec, is_image_folder):
            comparison = reference.manifest.metrics.comparison
            if comparison is None or comparison.difference > 0:
                return reference
            best = comparison.reference_version
            directory = BUNDLED_DIR if best == BUNDLED_VERSION else models / str(best)
            return _read(directory) or reference
    bundled = _read(BUNDLED_DIR)
    return bundled if bundled and _contains(bundled.manifest.captcha_spec, spec) else None


def _contains(model_spec: CaptchaSpec, spec: CaptchaSpec) -> bool:
    """Return whether a model can be restricted to the captchas of a spec."""
    has_lengths = model_spec.shortest <= spec.shortest and spec.length <= model_spec.length
    return has_lengths and set(spec.charset) <= set(model_spec.charset)


def _read(directory: Path) -> Reference | None:
    try:
        return Reference(int(directory.name), directory, verify(directory))
    except ArtifactError as error:
        log.warning("version %s is ignored: %s", directory.name, error)
        return None
