"""Self-training: the bundled model is trained on images without labels.

Three networks start from it, and each is trained on a third of the images. The labels of a third
are the most confident predictions of the other two networks, which have not been trained on it: so
a network confirms fewer of its own errors. Each round predicts again and takes more of the images.
A similar method is that of Zhou and Li, "Tri-Training" (2005).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import keras
import numpy as np
import numpy.typing as npt

from shared.captchas.restriction import Predictions, Restriction, predict_texts
from shared.captchas.spec import CaptchaSpec
from trainer.config import TrainingConfig, read_preset
from trainer.data.batches import TrainingBatches
from trainer.data.pseudo_labels import (
    FRACTIONS,
    MAX_IMAGES,
    NETWORK_COUNT,
    ROUNDS_TO_CHOOSE,
    STEPS_PER_ROUND,
    find_frequency_weights,
    label_most_confident,
    weight_classes,
)
from trainer.data.splits import EVALUATION_BATCH_SIZE
from trainer.networks.initialisation import build_initialised
from trainer.training.batch_norm import freeze
from trainer.training.optimizers import build_optimizer

_STEPS_PER_EXECUTION = 22
# The assumption of equal frequencies is dropped only if the networks agree without it on more of
# the images, by more than this fraction of all.
_AGREEMENT_MARGIN = 0.05
# Two equally frequent characters with the same label are at most twice as frequent as the mean.
_MAX_RELATIVE_FREQUENCY = 2.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SelfTrained:
    """The result of a self-training.

    Its confidences are too high, because it was trained on wrong labels too. Their order is still
    useful.

    Attributes:
        recogniser: uint8 (B, height, width) -> probabilities float32 (B, length, classes).
        spec: what it predicts.
        weights: of the classes, float32 (classes,); 1 unless all characters were taken as equally
            frequent.
    """

    recogniser: keras.Model
    spec: CaptchaSpec
    weights: npt.NDArray[np.float32]

    def predict(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the weighted probabilities of a batch, uint8 (B, height, width)."""
        return weight_classes(self.recogniser.predict_on_batch(images), self.weights)


def self_train(
    spec: CaptchaSpec, images: npt.NDArray[np.uint8], seed: int, report: Callable[[int], None]
) -> SelfTrained:
    """Train the bundled model on predictions of images without labels.

    The first rounds are done with and without the assumption that all characters are equally
    frequent. If it is wrong, images of one character get different labels by chance, and networks
    that are trained on different images disagree. Without the assumption, two characters can get
    the same label, which is easy to learn and costs no agreement. So the assumption is dropped only
    if the networks agree clearly more without it, and a character is then more than twice as
    frequent as the mean.

    Args:
        spec: what the images can show.
        images: of the spec's size, grey, uint8 (N, height, width); at least `NETWORK_COUNT`. If
            there are more than MAX_IMAGES, a random sample is trained on.
        seed: determines which network gets which images, their order and their augmentation.
        report: called with the number of completed steps.

    Raises:
        ArtifactError: if the bundled model is damaged.
    """
    keras.utils.set_random_seed(seed)
    if len(images) > MAX_IMAGES:
        sample = np.random.default_rng(seed).choice(len(images), MAX_IMAGES, replace=False)
        images = images[np.sort(sample)]
    config = _build_config(seed)
    steps = _StepCounter(report)
    model = _compile(build_initialised(config, spec), config)
    attempts = [_Attempt(model, spec, images, config, aligned) for aligned in (False, True)]
    for attempt in attempts:
        for number in range(ROUNDS_TO_CHOOSE):
            attempt.train_round(number, steps)
    best = _choose_attempt(*attempts)
    for number in range(ROUNDS_TO_CHOOSE, len(FRACTIONS)):
        best.train_round(number, steps)
    return best.build_result()


@dataclass(frozen=True)
class _Network:
    """A network between two trainings: all of them share one compiled model."""

    weights: list[npt.NDArray[np.float32]]
    optimizer: list[npt.NDArray[np.generic]]
    probabilities: npt.NDArray[np.float32]
    """Of all images, float32 (N, length, classes)."""


class _Attempt:
    """Networks that start from the weights of a model, and their rounds."""

    def __init__(
        self,
        model: keras.Model,
        spec: CaptchaSpec,
        images: npt.NDArray[np.uint8],
        config: TrainingConfig,
        is_aligned: bool,
    ) -> None:
        self._model, self._spec, self._images, self._config = model, spec, images, config
        self.is_aligned = is_aligned
        self._networks = [self._build_network()] * NETWORK_COUNT
        # The network that is trained on each image.
        self._trained_by = (
            np.random.default_rng(config.seed).permutation(len(images)) % NETWORK_COUNT
        )

    def train_round(self, number: int, steps: _StepCounter) -> None:
        """Train each network on the most confident predictions of the others."""
        probabilities = np.stack([network.probabilities for network in self._networks])
        unseen = np.empty_like(probabilities[0])
        for i in range(NETWORK_COUNT):
            rows = self._trained_by == i
            unseen[rows] = np.delete(probabilities[:, rows], i, axis=0).mean(axis=0)
        weighted = weight_classes(unseen, self._find_weights(unseen))
        for i in range(NETWORK_COUNT):
            rows = self._trained_by == i
            split = label_most_confident(
                self._spec,
                self._images[rows],
                _choose_texts(weighted[rows], self._spec),
                FRACTIONS[number],
                STEPS_PER_ROUND * self._config.batch_size,
            )
            batches = TrainingBatches(split, self._config)
            batches.start_epoch(number)
            self._restore(self._networks[i])
            self._model.fit(batches.dataset, callbacks=[steps], shuffle=False, verbose=0)
            self._networks[i] = self._build_network()

    def measure_agreement(self) -> float:
        """Return how often two networks predict the same text, from 0 to 1; mean of all pairs."""
        probabilities = [network.probabilities for network in self._networks]
        weights = self._find_weights(np.mean(probabilities, axis=0))
        texts = [_choose_texts(weight_classes(p, weights), self._spec).texts for p in probabilities]
        pairs = combinations(map(np.array, texts), 2)
        return float(np.mean([np.mean(first == second) for first, second in pairs]))

    def measure_highest_frequency(self) -> float:
        """Return the frequency of the most frequent character, relative to the mean of all."""
        mean = np.mean([network.probabilities for network in self._networks], axis=0)
        counts = mean[:, :, : len(self._spec.charset)].sum(axis=(0, 1))
        return float(counts.max() / counts.mean())

    def build_result(self) -> SelfTrained:
        """Return the model with the mean of the weights of the networks.

        It is nearly as accurate as the mean of their predictions (docs/experiments.md), and three
        times as fast: Wortsman et al., "Model soups" (2022).
        """
        variables = zip(*(network.weights for network in self._networks), strict=True)
        self._model.set_weights([np.mean(values, axis=0) for values in variables])
        weights = self._find_weights(_predict(self._model, self._images))
        return SelfTrained(self._model, self._spec, weights)

    def _build_network(self) -> _Network:
        return _Network(
            self._model.get_weights(),
            [variable.numpy() for variable in self._model.optimizer.variables],
            _predict(self._model, self._images),
        )

    def _restore(self, network: _Network) -> None:
        self._model.set_weights(network.weights)
        for variable, value in zip(self._model.optimizer.variables, network.optimizer, strict=True):
            variable.assign(value)

    def _find_weights(self, probabilities: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        if not self.is_aligned:
            return np.ones(self._spec.classes, np.float32)
        return find_frequency_weights(probabilities, len(self._spec.charset))


def _choose_attempt(unaligned: _Attempt, aligned: _Attempt) -> _Attempt:
    agreement, agreement_if_aligned = unaligned.measure_agreement(), aligned.measure_agreement()
    frequency = unaligned.measure_highest_frequency()
    is_refused = (
        agreement - agreement_if_aligned > _AGREEMENT_MARGIN and frequency > _MAX_RELATIVE_FREQUENCY
    )
    log.info(
        "assumption of equally frequent characters %s: the networks agree on %.1f %% of the images"
        " with it, and on %.1f %% without it, where the most frequent character has %.1f times the"
        " mean frequency",
        "dropped" if is_refused else "kept",
        100 * agreement_if_aligned,
        100 * agreement,
        frequency,
    )
    return unaligned if is_refused else aligned


class _StepCounter(keras.callbacks.Callback):  # type: ignore[misc]
    """Reports the completed steps of all networks and rounds."""

    def __init__(self, report: Callable[[int], None]) -> None:
        super().__init__()
        self._report = report
        self._before = 0

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if batch + 1 < STEPS_PER_ROUND:
            self._report(self._before + batch + 1)

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        self._before += STEPS_PER_ROUND
        self._report(self._before)


def _compile(model: keras.Model, config: TrainingConfig) -> keras.Model:
    freeze(model)
    model.compile(
        optimizer=build_optimizer(config, len(FRACTIONS) * STEPS_PER_ROUND),
        loss=config.loss,
        steps_per_execution=_STEPS_PER_EXECUTION,
        jit_compile=False,
    )
    model.optimizer.build(model.trainable_variables)
    return model


def _predict(recogniser: keras.Model, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    probabilities: npt.NDArray[np.float32] = recogniser.predict(
        images, batch_size=EVALUATION_BATCH_SIZE, verbose=0
    )
    return probabilities


def _choose_texts(probabilities: npt.NDArray[np.float32], spec: CaptchaSpec) -> Predictions:
    return predict_texts(probabilities, spec, Restriction.from_spec(spec))


def _build_config(seed: int) -> TrainingConfig:
    """Return the hyperparameters of an image folder, for about as many steps as a round has."""
    # No images without a captcha: the confidences are compared with each other only.
    values = read_preset("folder") | {"seed": seed, "non_captcha_fraction": 0.0}
    config = TrainingConfig.model_validate(values)
    images_per_round = STEPS_PER_ROUND * config.batch_size
    return config.model_copy(update={"folder_epoch_captchas": images_per_round})
