"""The attacker without labels that trains itself on images."""

from __future__ import annotations

import time
from collections.abc import Callable

from shared.captchas.spec import CaptchaSpec
from trainer.audit.attack.attacker import Trained
from trainer.data.pseudo_labels import STEPS
from trainer.data.splits import Images
from trainer.training.self_training import self_train


def self_train_attacker(
    spec: CaptchaSpec, images: Images, seed: int, report: Callable[[int], None]
) -> Trained:
    """Train the bundled model on predictions of images without labels.

    Args:
        spec: captchas that it will predict.
        images: uint8 (N, height, width).
        seed: determines which network gets which images, their order and their augmentation.
        report: called with the number of completed steps.
    """
    began = time.process_time()
    trained = self_train(spec, images[:], seed, report)
    return Trained(trained.predict, time.process_time() - began, STEPS)
