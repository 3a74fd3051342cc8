"""Pseudo-labels: confident predictions, which networks are then trained on.

Lee, "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for Deep Neural
Networks" (2013); with growing fractions Cascante-Bonilla et al., "Curriculum Labeling" (2021).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from shared.captchas.labels import encode
from shared.captchas.restriction import Predictions
from shared.captchas.spec import CaptchaSpec
from trainer.data.splits import IMAGE_FOLDER, Split

FRACTIONS = (0.2, 0.4, 0.6, 0.8, 0.9)
"""Fraction of the images that each round of a self-training takes. A tenth is always left out,
because the least confident predictions are mostly wrong."""
NETWORK_COUNT = 3
"""Networks of a self-training; each is trained on a third of the images."""
STEPS_PER_ROUND = 66
"""Steps of each network in a round."""
MAX_IMAGES = 12_000
"""Images that are trained on. A round takes at most 4,224 of each third; more images would only be
predicted in each round, which takes longer than the training."""
ROUNDS_TO_CHOOSE = 2
"""The first rounds, which are done twice: with and without the assumption that all characters are
equally frequent."""
STEPS = (len(FRACTIONS) + ROUNDS_TO_CHOOSE) * NETWORK_COUNT * STEPS_PER_ROUND
"""Steps of a self-training, approximately: the images do not divide into whole batches."""
# Weight changes, their size, and characters that are added to each count: so a character that never
# appears gets no extreme weight.
_ITERATIONS, _EXPONENT, _PSEUDO_COUNT = 30, 0.7, 50


def find_frequency_weights(
    probabilities: npt.NDArray[np.float32], characters: int
) -> npt.NDArray[np.float32]:
    """Return weights of the classes with which all characters are about equally frequent.

    A model that does not know a design prefers some characters, such as capitals to small letters
    of the same shape, but most captchas draw all characters equally often. This is the distribution
    alignment of Berthelot et al., "ReMixMatch" (2020).

    Args:
        probabilities: of many images, float32 (N, length, classes); each row sums to 1.
        characters: number of the first classes that are characters; the end of a text is none.

    Returns:
        float32 (classes,), for `weight_classes`.
    """
    weights = np.ones(probabilities.shape[2], np.float32)
    for _ in range(_ITERATIONS):
        weighted = weight_classes(probabilities, weights)
        counts = weighted[:, :, :characters].sum(axis=(0, 1), dtype=np.float64)
        ratios = (counts.mean() + _PSEUDO_COUNT) / (counts + _PSEUDO_COUNT)
        weights[:characters] *= ratios**_EXPONENT
    return weights


def weight_classes(
    probabilities: npt.NDArray[np.float32], weights: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Return probabilities multiplied by weights of the classes; each row sums to 1 again."""
    weighted: npt.NDArray[np.float32] = probabilities * weights
    weighted /= weighted.sum(axis=2, keepdims=True)
    return weighted


def label_most_confident(
    spec: CaptchaSpec,
    images: npt.NDArray[np.uint8],
    predictions: Predictions,
    fraction: float,
    limit: int,
) -> Split:
    """Return the images with the most confident predictions, labelled with these.

    Args:
        spec: what the images can show.
        images: of the spec's size, grey, uint8 (N, height, width).
        predictions: of these images.
        fraction: of the images; at least one is returned.
        limit: of the returned images. If there are more, every second, third, ... one is returned.
    """
    count = max(1, round(fraction * len(images)))
    rows = np.sort(np.argsort(-predictions.confidences, kind="stable")[:count])
    rows = rows[:: -(-count // limit)]
    labels = encode([predictions.texts[row] for row in rows], spec)
    # As images of a folder they are repeated until an epoch has enough of them.
    return Split(spec, images[rows], labels, ((IMAGE_FOLDER, len(rows)),))
