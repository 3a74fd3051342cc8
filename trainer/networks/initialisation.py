"""Networks with their initial weights."""

from __future__ import annotations

import keras

from shared.captchas.spec import CaptchaSpec
from shared.versions.artifacts import verify
from shared.versions.bundled_model import BUNDLED_DIR
from trainer.config import TrainingConfig
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
    manifest = verify(BUNDLED_DIR)
    bundled = manifest.captcha_spec
    recogniser = build_recogniser(config.network, spec, (bundled.width, bundled.height))
    transfer_weights(recogniser, spec, BUNDLED_DIR, manifest)
    return recogniser
