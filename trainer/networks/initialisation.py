"""Networks with their initial weights."""

from __future__ import annotations

from pathlib import Path

import keras

from shared.artifacts import verify
from shared.bundled_model import BUNDLED_DIR
from shared.manifest import Manifest
from shared.spec import CaptchaSpec
from trainer.config import NetworkName, TrainingConfig
from trainer.errors import TrainingError
from trainer.networks import build_recogniser
from trainer.networks.transfer import transfer_weights


def build_initialised(config: TrainingConfig, spec: CaptchaSpec) -> keras.Model:
    """Build a recogniser with random weights, or with those of the bundled model.

    uint8 (B, height, width) -> probabilities float32 (B, length, classes). A network with the
    weights of the bundled model scales the images to the size of that model.

    Raises:
        TrainingError: if the bundled model has another network.
        ArtifactError: if the bundled model is damaged.
    """
    if config.init == "scratch":
        return build_recogniser(config.network, spec)
    return _build_from(BUNDLED_DIR, verify(BUNDLED_DIR), config.network, spec)


def build_from_version(directory: Path, spec: CaptchaSpec) -> keras.Model:
    """Build a recogniser with the network and the weights of a published version.

    uint8 (B, height, width) -> probabilities float32 (B, length, classes). It scales the images to
    the same size as the version does.

    Raises:
        TrainingError: if its network has no classifier that all positions share, so that its
            weights do not fit other captchas, or is of another release.
        ArtifactError: if the version is damaged.
    """
    manifest = verify(directory)
    network = manifest.config.get("network")
    if network not in ("compact", "medium", "wide"):
        raise TrainingError(
            f"version {directory.name} has the network {network}, which this release cannot train"
            " further"
        )
    return _build_from(directory, manifest, network, spec)


def _build_from(
    directory: Path, manifest: Manifest, network: NetworkName, spec: CaptchaSpec
) -> keras.Model:
    # What was trained from the bundled model has the size of that model.
    is_from_bundled = manifest.config.get("init") == "bundled"
    sized = verify(BUNDLED_DIR).captcha_spec if is_from_bundled else manifest.captcha_spec
    recogniser = build_recogniser(network, spec, (sized.width, sized.height))
    transfer_weights(recogniser, spec, directory, manifest)
    return recogniser
