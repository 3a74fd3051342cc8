"""Self-training: the bundled model learns to read images without labels.

It predicts all images and is trained on its most confident predictions. Each round predicts again
and takes more of them, so that the easy images teach it to read the harder ones.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import numpy.typing as npt

from shared.restriction import Predictions, Restriction, predict_texts
from shared.spec import CaptchaSpec
from trainer.config import TrainingConfig, read_preset
from trainer.data.batches import TrainingBatches
from trainer.data.pseudo_labels import (
    FRACTIONS,
    STEPS,
    STEPS_PER_ROUND,
    label_most_confident,
)
from trainer.data.splits import EVALUATION_BATCH_SIZE
from trainer.networks.initialisation import build_initialised
from trainer.training.batch_norm import freeze
from trainer.training.optimizers import build_optimizer

_STEPS_PER_EXECUTION = 25


def self_train(
    spec: CaptchaSpec, images: npt.NDArray[np.uint8], seed: int, report: Callable[[int], None]
) -> keras.Model:
    """Train the bundled model on its own predictions of images.

    The confidences of the result are too high, because it has learned to be confident of the
    pseudo-labels, the wrong ones too. Their order is still useful.

    Args:
        spec: what the images can show.
        images: of the spec's size, grey, uint8 (N, height, width).
        seed: determines the order of the images and their augmentation.
        report: called with the number of completed steps.

    Returns:
        uint8 (B, height, width) -> probabilities float32 (B, length, classes).

    Raises:
        ArtifactError: if the bundled model is damaged.
    """
    keras.utils.set_random_seed(seed)
    config = _build_config(seed)
    recogniser = build_initialised(config, spec)
    freeze(recogniser)
    recogniser.compile(
        optimizer=build_optimizer(config, STEPS),
        loss=config.loss,
        steps_per_execution=_STEPS_PER_EXECUTION,
        jit_compile=False,
    )
    for round_number, fraction in enumerate(FRACTIONS):
        predictions = predict_images(recogniser, spec, images)
        split = label_most_confident(spec, images, predictions, fraction)
        batches = TrainingBatches(split, config)
        batches.start_epoch(round_number)
        done = round_number * STEPS_PER_ROUND
        progress = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs, done=done: report(done + batch + 1)
        )
        recogniser.fit(batches.dataset, callbacks=[progress], shuffle=False, verbose=0)
    return recogniser


def predict_images(
    recogniser: keras.Model, spec: CaptchaSpec, images: npt.NDArray[np.uint8]
) -> Predictions:
    """Return the most likely texts of images, uint8 (N, height, width)."""
    probabilities = recogniser.predict(images, batch_size=EVALUATION_BATCH_SIZE, verbose=0)
    return predict_texts(probabilities, spec, Restriction.from_spec(spec))


def _build_config(seed: int) -> TrainingConfig:
    """Return the hyperparameters: those of an image folder, for as many steps as a round has."""
    # No images without a captcha: the confidences are compared with each other only.
    values = read_preset("folder") | {"seed": seed, "non_captcha_fraction": 0.0}
    config = TrainingConfig.model_validate(values)
    images_per_round = STEPS_PER_ROUND * config.batch_size
    return config.model_copy(update={"folder_epoch_captchas": images_per_round})
