"""What the attacker gets wrong: characters, positions and pairs, and pictures of both ends."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from PIL import Image

from trainer.audit.attack.measurement import Measurement
from trainer.audit.results import CharacterResult, ConfusedPair, GalleryImage, PositionResult

MAX_PAIRS = 12
GALLERY_SIZE = 8
# Larger images are reduced, so that the report stays small enough to be served.
_MAX_IMAGE_SIZE = (400, 200)


def measure_characters(measurement: Measurement, charset: str) -> tuple[CharacterResult, ...]:
    """Return the accuracy of each character of the charset that occurs."""
    total: Counter[str] = Counter()
    correct: Counter[str] = Counter()
    for _, truth, predicted in _list_characters(measurement):
        total[truth] += 1
        correct[truth] += truth == predicted
    return tuple(
        CharacterResult(character=c, accuracy=correct[c] / total[c], n=total[c])
        for c in charset
        if total[c]
    )


def measure_positions(measurement: Measurement) -> tuple[PositionResult, ...]:
    """Return the accuracy of each position, from 1."""
    total: Counter[int] = Counter()
    correct: Counter[int] = Counter()
    for position, truth, predicted in _list_characters(measurement):
        total[position] += 1
        correct[position] += truth == predicted
    return tuple(
        PositionResult(position=position, accuracy=correct[position] / n, n=n)
        for position, n in sorted(total.items())
    )


def find_confused_pairs(measurement: Measurement) -> tuple[ConfusedPair, ...]:
    """Return the most frequent confusions, most frequent first."""
    characters = list(_list_characters(measurement))
    total = Counter(truth for _, truth, _ in characters)
    pairs = Counter((truth, predicted) for _, truth, predicted in characters if truth != predicted)
    # By name where counts are equal, so that equal audits have equal reports.
    ordered = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
    return tuple(
        ConfusedPair(truth=truth, predicted=predicted, count=count, fraction=count / total[truth])
        for (truth, predicted), count in ordered[:MAX_PAIRS]
    )


def find_hardest(measurement: Measurement) -> npt.NDArray[np.intp]:
    """Return the rows of the hardest captchas: wrong before correct, by rising confidence."""
    order: npt.NDArray[np.intp] = np.lexsort(
        (np.array(measurement.confidences), measurement.is_correct)
    )
    return order[:GALLERY_SIZE]


def find_easiest(measurement: Measurement) -> npt.NDArray[np.intp]:
    """Return the rows of the easiest captchas: correct ones, by falling confidence."""
    order: npt.NDArray[np.intp] = np.argsort(-np.array(measurement.confidences), kind="stable")
    correct = order[measurement.is_correct[order]]
    return correct[:GALLERY_SIZE]


def draw_samples(measurement: Measurement, seed: int) -> npt.NDArray[np.intp]:
    """Return rows at random."""
    count = min(GALLERY_SIZE, len(measurement.texts))
    rng = np.random.default_rng(seed)
    return rng.choice(len(measurement.texts), count, replace=False)


def build_gallery(
    rows: npt.NDArray[np.intp], images: npt.NDArray[np.uint8], measurement: Measurement
) -> tuple[GalleryImage, ...]:
    """Return the captchas of some rows with their predictions.

    Args:
        rows: (n,) of the measurement.
        images: their pixels, grey, uint8 (n, height, width).
        measurement: predictions for all test captchas.
    """
    return tuple(
        GalleryImage(
            image=_encode_png(image),
            label=measurement.texts[row],
            prediction=measurement.predictions[row],
            confidence=round(measurement.confidences[row], 4),
        )
        for row, image in zip(rows.tolist(), images, strict=True)
    )


def _list_characters(measurement: Measurement) -> Iterable[tuple[int, str, str]]:
    """Yield position, true and predicted character; empty if the prediction is shorter."""
    for text, prediction in zip(measurement.texts, measurement.predictions, strict=True):
        for position, truth in enumerate(text, start=1):
            yield position, truth, prediction[position - 1 : position]


def _encode_png(image: npt.NDArray[np.uint8]) -> str:
    picture = Image.fromarray(image)
    picture.thumbnail(_MAX_IMAGE_SIZE)
    png = io.BytesIO()
    picture.save(png, format="png", optimize=True)
    return base64.b64encode(png.getvalue()).decode("ascii")
