"""Pruning: deletes old versions."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from shared.versions.artifacts import KEPT_VERSIONS, ArtifactError, list_versions, read_manifest
from shared.versions.manifest import ManifestDraft
from trainer.publishing.reference import Reference

log = logging.getLogger(__name__)


def prune(models: Path, published: ManifestDraft, reference: Reference | None) -> list[int]:
    """Delete old versions for the captchas of a new version, and return their numbers.

    Versions for other captchas are kept, and so is the best version, with which the next one will
    be compared.
    """
    same = []
    for version in list_versions(models):
        try:
            manifest = read_manifest(models / str(version))
        except ArtifactError:
            continue  # its captchas are unknown
        if manifest.is_for(published.captcha_spec, published.is_image_folder):
            same.append(version)
    kept = {*same[-KEPT_VERSIONS:], reference.version if reference else None}
    old = [version for version in same if version not in kept]
    for version in old:
        # Renamed first, so that no reader finds a version with a part of its files.
        partial = models / f".partial-old-{version}"
        (models / str(version)).rename(partial)
        # Another trainer that publishes may be deleting it as well.
        shutil.rmtree(partial, ignore_errors=True)
        log.info("version %d is deleted: %d newer ones are kept", version, KEPT_VERSIONS)
    return old
