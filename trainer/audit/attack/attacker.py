"""The attacker: a recogniser that is trained on a number of labelled captchas."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from shared.captchas.spec import CaptchaSpec
from trainer.audit.plan import NETWORKS
from trainer.audit.results import Init
from trainer.config import TrainingConfig, read_preset
from trainer.data.batches import TrainingBatches
from trainer.data.splits import IMAGE_FOLDER, Split
from trainer.evaluation.accuracy import Predict
from trainer.networks.initialisation import build_initialised
from trainer.training.batch_norm import freeze, recalibrate
from trainer.training.schedules import build_cosine

# The learning rate changes between two executions.
_STEPS_PER_EXECUTION = 10
_RECALIBRATION_BATCHES = 8


@dataclass(frozen=True)
class Trained:
    """A trained attacker."""

    predict: Predict
    """Valid until the next training of the same attacker."""
    cpu_s: float
    """CPU seconds of the training, over all cores."""
    steps: int
    """Number of steps, which differs from the planned one if the captchas do not divide it."""


class Attacker:
    """A network that is trained again and again from the same initial weights.

    It is compiled once, because compiling takes seconds and an audit has dozens of trainings. A
    training depends on its captchas, its steps and the seed only, not on the trainings before it.
    """

    def __init__(self, init: Init, spec: CaptchaSpec, seed: int) -> None:
        """Build the network.

        Args:
            init: initial weights.
            spec: captchas that it will predict.
            seed: determines random weights, the order of the captchas and their augmentation.
        """
        keras.utils.set_random_seed(seed)
        self._config = TrainingConfig.model_validate(
            # An attacker has as few captchas as an image folder, and needs its augmentation.
            read_preset("folder")
            | {
                "init": init,
                "network": NETWORKS[init],
                "seed": seed,
                "epochs": 1,
                "non_captcha_fraction": 0.0,
            }
        )
        self._model = build_initialised(self._config, spec)
        self._is_frozen = init == "bundled" and freeze(self._model)
        self._initial_weights = self._model.get_weights()
        self._model.compile(
            optimizer=keras.optimizers.AdamW(
                self._config.learning_rate, weight_decay=self._config.weight_decay
            ),
            loss=self._config.loss,
            steps_per_execution=_STEPS_PER_EXECUTION,
            jit_compile=False,
        )
        self._model.optimizer.build(self._model.trainable_variables)

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return int(self._model.count_params())

    def train(
        self, split: Split, steps: int, learning_rate: float, report: Callable[[int], None]
    ) -> Trained:
        """Train on all captchas of a split.

        Args:
            split: labelled captchas; the same number of captchas and steps gives the same weights.
            steps: planned number of steps.
            learning_rate: its peak.
            report: called with the number of completed steps.
        """
        self._reset()
        began = time.process_time()
        config = self._config.model_copy(
            update={"folder_epoch_captchas": steps * self._config.batch_size}
        )
        # As an image folder, the captchas are repeated until the epoch has enough steps.
        split = Split(split.spec, split.images, split.labels, ((IMAGE_FOLDER, len(split)),))
        batches = TrainingBatches(split, config)
        batches.start_epoch(0)
        rate = _CosineRate(learning_rate, batches.steps_per_epoch, report)
        self._model.fit(batches.dataset, epochs=1, callbacks=[rate], shuffle=False, verbose=0)
        if not self._is_frozen:
            recalibrate(self._model, self._plain_batches(split))
        cpu_s = time.process_time() - began
        return Trained(self._predict, cpu_s, batches.steps_per_epoch)

    def _reset(self) -> None:
        self._model.set_weights(self._initial_weights)
        for variable in self._model.optimizer.variables:
            variable.assign(tf.zeros_like(variable))

    def _plain_batches(self, split: Split) -> list[tf.Tensor]:
        """Return the first captchas without augmentation, in batches of the training's size."""
        size = self._config.batch_size
        count = min(_RECALIBRATION_BATCHES, max(1, len(split) // size))
        return [tf.constant(split.images[slice(i * size, (i + 1) * size)]) for i in range(count)]

    def _predict(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        probabilities: npt.NDArray[np.float32] = self._model.predict_on_batch(images)
        return probabilities


class _CosineRate(keras.callbacks.Callback):  # type: ignore[misc]
    """Sets the learning rate by a cosine schedule.

    A schedule in the optimizer is compiled into the training step; this one changes with the
    number of steps without compiling again.
    """

    def __init__(self, peak: float, steps: int, report: Callable[[int], None]) -> None:
        super().__init__()
        self._schedule = build_cosine(peak, steps)
        self._steps, self._report = steps, report

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Set the learning rate of the next execution."""
        done = min(batch + 1, self._steps)
        self.model.optimizer.learning_rate = float(self._schedule(done))

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Report the completed steps."""
        self._report(min(batch + 1, self._steps))
