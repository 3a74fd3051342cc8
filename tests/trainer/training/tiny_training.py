"""Trainings that take a second: a small network on random images of 32x16 pixels."""

from __future__ import annotations

import io
from pathlib import Path

import keras
import numpy as np
from keras import layers

from shared.captchas.spec import CaptchaSpec
from trainer.config import TrainingConfig
from trainer.data.splits import Split, Splits
from trainer.training.fit import FitResult, fit

SPEC = CaptchaSpec("01", length=2, width=32, height=16)
CAPTCHAS = 120
CONFIG = TrainingConfig(
    captchas=CAPTCHAS,
    batch_size=20,
    epochs=3,
    learning_rate=0.02,
    max_shift_x_px=1,
    max_shift_y_px=1,
    augment_fraction=0.5,
)
# Two executions per epoch, of 25 steps and of 5, after each of which the callbacks are called.
TWO_EXECUTIONS = 4


class Interrupted(Exception):
    """Stands for a kill."""


class InterruptingStream(io.StringIO):
    """A terminal that interrupts a training when an epoch, from 1, shows its first progress."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self._task = f"epoch {epoch} of "

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self._task in text:
            raise Interrupted
        return super().write(text)


def build_split(count: int, seed: int) -> Split:
    """Return noise in which the half of an image that shows a one is brighter."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=(count, 2), dtype=np.int32)
    images = rng.integers(200, size=(count, SPEC.height, SPEC.width), dtype=np.uint8)
    images += (12 * labels.repeat(SPEC.width // 2, axis=1)[:, np.newaxis]).astype(np.uint8)
    return Split(SPEC, images, labels, (("current", count),))


# More validation captchas than fit into one evaluation batch.
SPLITS = Splits(
    train=build_split(CAPTCHAS, 1), validation=build_split(110, 2), test=build_split(10, 3)
)


def build_network() -> keras.Model:
    """Build a network with everything that has a state: batch normalisation and dropout."""
    keras.utils.set_random_seed(1)
    images = layers.Input((SPEC.height, SPEC.width), dtype="uint8")
    x = layers.Rescaling(1 / 255)(images)
    x = layers.Reshape((SPEC.height, SPEC.width, 1))(x)
    x = layers.Flatten()(layers.AveragePooling2D((16, 4))(x))
    x = layers.BatchNormalization(momentum=0.9)(x)
    # The loss of an untrained network is exactly log(2).
    x = layers.Dense(SPEC.length * SPEC.classes, kernel_initializer="zeros")(layers.Dropout(0.1)(x))
    return keras.Model(images, layers.Softmax()(layers.Reshape((SPEC.length, SPEC.classes))(x)))


def train(
    config: TrainingConfig,
    directory: Path,
    *,
    network: keras.Model | None = None,
    splits: Splits = SPLITS,
    stream: io.StringIO | None = None,
) -> FitResult:
    """Train a network, by default a new one, in a directory, which is created."""
    directory.mkdir(parents=True, exist_ok=True)
    return fit(network or build_network(), config, splits, directory, stream or io.StringIO())
