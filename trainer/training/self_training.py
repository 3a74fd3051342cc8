"""Self-training: the bundled model is trained on images without labels.

It predicts all images and is trained on its most confident predictions. Each round predicts again
and takes more of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import keras
import numpy as np
import numpy.typing as npt

from shared.restriction import Predictions, Restriction, predict_texts
from shared.spec import CaptchaSpec
from trainer.config import TrainingConfig, read_preset
from trainer.data.batches import TrainingBatches
from trainer.data.pseudo_labels import (
    FRACTIONS,
    STEPS_PER_ROUND,
    find_frequency_weights,
    label_most_confident,
    weight_classes,
)
from trainer.data.splits import EVALUATION_BATCH_SIZE
from trainer.networks.initialisation import build_initialised
from trainer.training.batch_norm import freeze
from trainer.training.optimizers import build_optimizer

_STEPS_PER_EXECUTION = 25

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SelfTrained:
    """The result of a self-training.

    Its confidences are too high, because it was trained on its wrong predictions too. Their order
    is still useful.

    Attributes:
        recogniser: uint8 (B, height, width) -> probabilities float32 (B, length, classes).
        spec: what it predicts.
        weights: of the classes, float32 (classes,); 1 unless all characters were taken as equally
            frequent.
    """

    recogniser: keras.Model
    spec: CaptchaSpec
    weights: npt.NDArray[np.float32]

    def predict_probabilities(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return probabilities float32 (N, length, classes) of images, uint8 (N, height, width)."""
        probabilities = self.recogniser.predict(images, batch_size=EVALUATION_BATCH_SIZE, verbose=0)
        return weight_classes(probabilities, self.weights)

    def predict(self, images: npt.NDArray[np.uint8]) -> Predictions:
        """Return the most likely texts of images, uint8 (N, height, width)."""
        return _choose_texts(self.predict_probabilities(images), self.spec)


def self_train(
    spec: CaptchaSpec, images: npt.NDArray[np.uint8], seed: int, report: Callable[[int], None]
) -> SelfTrained:
    """Train the bundled model on its own predictions of images.

    The first round is done twice, with equally frequent characters and without this assumption. If
    it is wrong, the pseudo-labels contradict each other, and the network learns them with less
    confidence. The more confident network is trained further.

    Args:
        spec: what the images can show.
        images: of the spec's size, grey, uint8 (N, height, width).
        seed: determines the order of the images and their augmentation.
        report: called with the number of completed steps.

    Raises:
        ArtifactError: if the bundled model is damaged.
    """
    keras.utils.set_random_seed(seed)
    config = _build_config(seed)
    attempts = [_Attempt(spec, images, config, is_aligned) for is_aligned in (False, True)]
    for number, attempt in enumerate(attempts):
        attempt.train_round(0, partial(_report, report, number))
    confidences = [attempt.measure_confidence() for attempt in attempts]
    best = attempts[confidences[1] > confidences[0]]
    log.info(
        "the characters are %s as equally frequent: mean confidence %.3f, and %.3f if they are",
        "taken" if best.is_aligned else "not taken",
        *confidences,
    )
    for number in range(1, len(FRACTIONS)):
        best.train_round(number, partial(_report, report, number + 1))
    return best.build_result()


class _Attempt:
    """A network that starts from the bundled model, and its rounds."""

    def __init__(
        self,
        spec: CaptchaSpec,
        images: npt.NDArray[np.uint8],
        config: TrainingConfig,
        is_aligned: bool,
    ) -> None:
        self._spec, self._images, self._config = spec, images, config
        self.is_aligned = is_aligned
        self.recogniser = build_initialised(config, spec)
        freeze(self.recogniser)
        self.recogniser.compile(
            optimizer=build_optimizer(config, len(FRACTIONS) * STEPS_PER_ROUND),
            loss=config.loss,
            steps_per_execution=_STEPS_PER_EXECUTION,
            jit_compile=False,
        )
        self._unweighted = SelfTrained(self.recogniser, spec, np.ones(spec.classes, np.float32))

    def train_round(self, number: int, report: Callable[[int], None]) -> None:
        """Predict all images, and train on the most confident predictions."""
        probabilities = self._unweighted.predict_probabilities(self._images)
        weighted = weight_classes(probabilities, self._find_weights(probabilities))
        predictions = _choose_texts(weighted, self._spec)
        images_per_round = STEPS_PER_ROUND * self._config.batch_size
        split = label_most_confident(
            self._spec, self._images, predictions, FRACTIONS[number], images_per_round
        )
        batches = TrainingBatches(split, self._config)
        batches.start_epoch(number)
        progress = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: report(batch + 1)
        )
        self.recogniser.fit(batches.dataset, callbacks=[progress], shuffle=False, verbose=0)
        report(STEPS_PER_ROUND)

    def measure_confidence(self) -> float:
        """Return the mean confidence of the predictions without weights."""
        return float(self._unweighted.predict(self._images).confidences.mean())

    def build_result(self) -> SelfTrained:
        """Return the network with the weights of its classes."""
        probabilities = self._unweighted.predict_probabilities(self._images)
        return replace(self._unweighted, weights=self._find_weights(probabilities))

    def _find_weights(self, probabilities: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        if not self.is_aligned:
            return self._unweighted.weights
        return find_frequency_weights(probabilities, len(self._spec.charset))


def _choose_texts(probabilities: npt.NDArray[np.float32], spec: CaptchaSpec) -> Predictions:
    return predict_texts(probabilities, spec, Restriction.from_spec(spec))


def _report(report: Callable[[int], None], earlier_rounds: int, steps: int) -> None:
    report(earlier_rounds * STEPS_PER_ROUND + min(steps, STEPS_PER_ROUND))


def _build_config(seed: int) -> TrainingConfig:
    """Return the hyperparameters: those of an image folder, for as many steps as a round has."""
    # No images without a captcha: the confidences are compared with each other only.
    values = read_preset("folder") | {"seed": seed, "non_captcha_fraction": 0.0}
    config = TrainingConfig.model_validate(values)
    images_per_round = STEPS_PER_ROUND * config.batch_size
    return config.model_copy(update={"folder_epoch_captchas": images_per_round})
