"""Test-time augmentation: the mean prediction of several shifted views of an image.

The alignment of strokes with the grid of blocks changes a prediction by chance, and the mean of
several views reduces this. Compare the 10-crop testing of Krizhevsky et al., "ImageNet
Classification with Deep Convolutional Neural Networks" (2012).
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

# Odd, so that blocks of 2x2 and of 4x4 pixels are cut differently (docs/experiments.md).
_STEP_PX = 3
_MIN_PROBABILITY = 1e-9  # keeps the logarithm finite


def list_offsets(views: int) -> list[int]:
    """Return by how many pixels each view is shifted to the left; one of them is 0."""
    return [_STEP_PX * (view - (views - 1) // 2) for view in range(views)]


class TestTimeAugmentation(keras.Model):  # type: ignore[misc]
    """A recogniser that predicts from several views, except while it is trained.

    uint8 (B, height, width) -> probabilities float32 (B, length, classes): the normalised geometric
    mean over the views. A prediction takes `views` times as long.
    """

    __test__ = False  # pytest would collect the class from tests that import it

    def __init__(self, recogniser: keras.Model, views: int) -> None:
        super().__init__(name="test_time_augmentation")
        self.recogniser = recogniser
        self.offsets = list_offsets(views)
        self.build(recogniser.input_shape)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Mark the model as built: the recogniser has all variables."""
        self.built = True

    def call(self, images: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """Predict from one view while training, otherwise from all of them."""
        if training:
            return self.recogniser(images, training=True)
        logs = [
            ops.log(ops.maximum(self.recogniser(view, training=False), _MIN_PROBABILITY))
            for view in (_shift(images, offset) for offset in self.offsets)
        ]
        return ops.softmax(sum(logs) / len(logs), axis=-1)


def add_test_time_augmentation(recogniser: keras.Model, views: int) -> keras.Model:
    """Return a model with this number of views that shares all variables with the recogniser."""
    return recogniser if views == 1 else TestTimeAugmentation(recogniser, views)


def remove_test_time_augmentation(model: keras.Model) -> keras.Model:
    """Return the recogniser of a model with any number of views."""
    return model.recogniser if isinstance(model, TestTimeAugmentation) else model


def _shift(images: keras.KerasTensor, left_px: int) -> keras.KerasTensor:
    """Shift images to the left; the column at the edge, mostly background, is repeated."""
    width = images.shape[2]
    return ops.take(images, np.clip(np.arange(width) + left_px, 0, width - 1), axis=2)
