"""Calibration: a temperature that makes the confidence of a prediction its probability of success.

Guo et al., "On Calibration of Modern Neural Networks" (2017).
"""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt

from shared.captchas.restriction import Restriction, predict_texts
from shared.captchas.spec import CaptchaSpec
from shared.versions.manifest import Calibration, ReliabilityBin

_BINS = 15
_MIN_TEMPERATURE, _MAX_TEMPERATURE = 0.2, 5.0
_SEARCH_STEPS = 30
_GOLDEN_RATIO = (5**0.5 - 1) / 2
_MIN_PROBABILITY = 1e-12  # keeps the logarithm finite
# Standard deviation of log T before any captcha is seen. A few correct ones would otherwise make
# the model as certain as the search allows; 1,000 captchas outweigh it.
_PRIOR_DEVIATION = 0.25


def fit_temperature(
    probabilities: npt.NDArray[np.float32], is_correct: npt.NDArray[np.bool_], spec: CaptchaSpec
) -> float:
    """Return the most probable temperature, by golden-section search.

    With many captchas it minimises the binary cross-entropy between the confidences of the texts
    and whether they are correct; with few it stays near 1. The cross-entropy of the characters
    would be simpler, but errors within a text are correlated, so confidences came out too low.

    Args:
        probabilities: float32 (N, length, classes), of captchas that were not trained on.
        is_correct: whether the predicted text is correct, bool (N,).
        spec: the captchas.
    """
    logs = np.log(np.maximum(probabilities, _MIN_PROBABILITY))
    restriction = Restriction.from_spec(spec)

    def loss(log_temperature: float) -> float:
        softened = np.exp(logs * np.float32(np.exp(-log_temperature)))
        softened /= softened.sum(axis=2, keepdims=True)
        confidences = predict_texts(softened, spec, restriction).confidences
        likelihoods = np.where(is_correct, confidences, 1 - confidences)
        prior = (log_temperature / _PRIOR_DEVIATION) ** 2 / 2
        return float(prior - np.log(np.maximum(likelihoods, _MIN_PROBABILITY)).sum())

    low, high = np.log(_MIN_TEMPERATURE), np.log(_MAX_TEMPERATURE)
    for _ in range(_SEARCH_STEPS):
        left = high - _GOLDEN_RATIO * (high - low)
        right = low + _GOLDEN_RATIO * (high - low)
        if loss(left) < loss(right):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))


def apply_temperature(recogniser: keras.Model, temperature: float) -> bool:
    """Divide the logits of every softmax classifier of a model by a temperature.

    The weights of the classifier are divided, so a prediction takes no longer.

    Returns:
        Whether the model has such a classifier: a dense layer with the activation softmax.
    """
    classifiers = _find_classifiers(recogniser)
    for layer in classifiers:
        for variable in layer.trainable_variables:
            variable.assign(variable / temperature)
    return bool(classifiers)


def _find_classifiers(model: keras.Model) -> list[keras.layers.Dense]:
    found = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found += _find_classifiers(layer)
        elif getattr(layer, "activation", None) is keras.activations.softmax:
            found.append(layer)
    return found


def measure_calibration(
    temperature: float,
    confidences: npt.NDArray[np.floating],
    is_correct: npt.NDArray[np.bool_],
) -> Calibration:
    """Compare the confidence of whole captchas with their accuracy, in bins of equal width.

    Args:
        temperature: that the model was divided by.
        confidences: probability of each predicted text, (N,).
        is_correct: whether it is correct, bool (N,).
    """
    numbers = np.minimum((confidences * _BINS).astype(int), _BINS - 1)
    bins = []
    for number in np.unique(numbers):
        rows = numbers == number
        bins.append(
            ReliabilityBin(
                confidence=float(confidences[rows].mean()),
                accuracy=float(is_correct[rows].mean()),
                n=int(rows.sum()),
            )
        )
    error = sum(b.n * abs(b.confidence - b.accuracy) for b in bins) / len(confidences)
    return Calibration(temperature=temperature, expected_calibration_error=error, bins=bins)
