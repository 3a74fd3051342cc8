"""Text <-> class indices <-> one-hot vectors.

The one-hot functions keep the course's semantics: "6046" becomes a vector of
length * classes numbers with a one at position * classes + index.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.spec import CaptchaSpec


def encode(texts: Sequence[str], spec: CaptchaSpec) -> npt.NDArray[np.int32]:
    """Class indices, int32 (N, length); where a text has ended, the class after the last character.

    Raises SpecError naming the first text that cannot be.
    """
    index = {character: i for i, character in enumerate(spec.charset)}
    rows = np.full((len(texts), spec.length), len(spec.charset), np.int32)
    for row, text in zip(rows, texts, strict=True):
        spec.check_text(text)
        row[: len(text)] = [index[character] for character in text]
    return rows


def decode(indices: npt.ArrayLike, spec: CaptchaSpec) -> list[str]:
    """Texts of class indices (N, length); each ends where its row says so."""
    end = len(spec.charset)
    rows = np.asarray(indices, dtype=np.intp).tolist()
    return ["".join(spec.charset[i] for i in takewhile(end.__ne__, row)) for row in rows]


def best_indices(
    probabilities: npt.NDArray[np.floating[Any]], spec: CaptchaSpec
) -> npt.NDArray[np.intp]:
    """Class indices (N, length) of the most likely texts, from probabilities (N, length, classes).

    Each is a text that the spec allows: where lengths differ, every possible end is weighed as
    a whole, and no character follows it.
    """
    if not spec.is_variable:
        best: npt.NDArray[np.intp] = probabilities.argmax(axis=2)
        return best
    end = len(spec.charset)
    characters = probabilities[:, :, :end].argmax(axis=2)
    logs = np.log(np.maximum(probabilities, 1e-30))
    said = logs[:, :, :end].max(axis=2).cumsum(axis=1)  # (N, length): the first 1, 2, ... read
    ended = logs[:, ::-1, end].cumsum(axis=1)[:, ::-1]  # nothing from position 0, 1, ... on
    after = np.pad(ended[:, 1:], ((0, 0), (0, 1)))
    lengths = (said + after)[:, spec.shortest - 1 :].argmax(axis=1) + spec.shortest
    over = np.arange(spec.length) >= lengths[:, np.newaxis]
    return np.where(over, end, characters)


def text2vec(text: str, spec: CaptchaSpec) -> npt.NDArray[np.float32]:
    """One-hot float32 (length * classes,). Raises ValueError naming both lengths."""
    one_hot = np.eye(spec.classes, dtype=np.float32)
    vector: npt.NDArray[np.float32] = one_hot[encode([text], spec)[0]].reshape(-1)
    return vector


def vec2text(vector: npt.ArrayLike, spec: CaptchaSpec) -> str:
    """The most likely text of probabilities (length * classes,), for example a prediction.

    Raises ValueError if the vector has another size.
    """
    scores = np.asarray(vector)
    expected = spec.length * spec.classes
    if scores.size != expected:
        raise ValueError(f"vector has {scores.size} numbers, a captcha here has {expected}")
    rows = scores.reshape(1, spec.length, spec.classes)
    return decode(best_indices(rows, spec), spec)[0]
