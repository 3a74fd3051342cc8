"""Keras metrics of a recogniser."""

from __future__ import annotations

from functools import partial

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from shared.captchas.labels import best_indices
from shared.captchas.spec import CaptchaSpec


class ExactMatch(keras.metrics.Mean):  # type: ignore[misc]
    """Fraction of captchas with every character correct.

    The accuracies of Keras count each character. Predictions are the most likely valid texts, as
    in the inference service. Images without a captcha do not count.
    """

    def __init__(self, spec: CaptchaSpec) -> None:
        super().__init__(name="exact_match")
        self._spec = spec

    def update_state(
        self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: tf.Tensor | None = None
    ) -> None:
        """Add a batch: one-hot labels and probabilities, float32 (B, length, classes)."""
        predicted = _predict_classes(y_pred, self._spec)
        is_correct = tf.reduce_all(tf.argmax(y_true, axis=-1) == predicted, axis=-1)
        super().update_state(tf.cast(is_correct, tf.float32), _find_captchas(y_true))


class CharacterAccuracy(keras.metrics.Metric):  # type: ignore[misc]
    """Fraction of correct characters, computed from a confusion matrix.

    Hard-example mining needs the confusion matrix. Keras has no metric that computes one. Images
    without a captcha do not count.
    """

    def __init__(self, spec: CaptchaSpec) -> None:
        super().__init__(name="character_accuracy")
        self._spec = spec
        self._matrix = self.add_variable(
            (spec.classes, spec.classes), initializer="zeros", dtype="float32", name="confusions"
        )

    @property
    def confusions(self) -> npt.NDArray[np.int64]:
        """How often the row's class was predicted as the column's: (classes, classes)."""
        confusions: npt.NDArray[np.int64] = np.rint(self._matrix.numpy()).astype(np.int64)
        return confusions

    def update_state(
        self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: tf.Tensor | None = None
    ) -> None:
        """Add a batch: one-hot labels and probabilities, float32 (B, length, classes)."""
        truth = tf.reshape(tf.argmax(y_true, axis=-1), (-1,))
        predicted = tf.reshape(_predict_classes(y_pred, self._spec), (-1,))
        weights = tf.repeat(_find_captchas(y_true), self._spec.length)
        classes = self._spec.classes
        self._matrix.assign_add(
            tf.math.confusion_matrix(truth, predicted, classes, weights, dtype=tf.float32)
        )

    def result(self) -> tf.Tensor:
        """Return the accuracy without the positions after the end of a text."""
        matrix = tf.convert_to_tensor(self._matrix)
        skipped = matrix[-1, -1] if self._spec.is_variable else 0.0
        return tf.math.divide_no_nan(
            tf.linalg.trace(matrix) - skipped, tf.reduce_sum(matrix) - skipped
        )


def _find_captchas(y_true: tf.Tensor) -> tf.Tensor:
    """Return 1 for each image with a label, float32 (B,); without one all classes are equal."""
    return tf.cast(tf.reduce_max(y_true, axis=(1, 2)) == 1.0, tf.float32)


def _predict_classes(probabilities: tf.Tensor, spec: CaptchaSpec) -> tf.Tensor:
    """Return the class indices of the most likely valid texts, int64 (B, length)."""
    if not spec.is_variable:
        return tf.argmax(probabilities, axis=-1)
    decode = partial(best_indices, spec=spec)
    indices = tf.numpy_function(decode, [probabilities], tf.int64, stateful=False)
    return tf.ensure_shape(indices, (None, spec.length))
