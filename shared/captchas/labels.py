"""Conversion between texts, class indices and one-hot vectors.

The one-hot functions keep the course's semantics: "6046" becomes a vector of length * classes
values with a one at position * classes + index.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.captchas.spec import CaptchaSpec

MIN_PROBABILITY = 1e-30
"""What smaller probabilities count as, so that every text has a finite log-probability."""


def encode(texts: Sequence[str], spec: CaptchaSpec) -> npt.NDArray[np.int32]:
    """Return class indices, int32 (N, length), padded with the end class `len(charset)`.

    Raises:
        SpecError: naming the first text that does not match the spec.
    """
    index = {character: i for i, character in enumerate(spec.charset)}
    rows = np.full((len(texts), spec.length), len(spec.charset), np.int32)
    for row, text in zip(rows, texts, strict=True):
        spec.check_text(text)
        row[: len(text)] = [index[character] for character in text]
    return rows


def decode(indices: npt.ArrayLike, spec: CaptchaSpec) -> list[str]:
    """Return the texts of class indices (N, length), each up to its end class."""
    end = len(spec.charset)
    rows = np.asarray(indices, dtype=np.intp).tolist()
    return ["".join(spec.charset[i] for i in takewhile(end.__ne__, row)) for row in rows]


def best_indices(
    probabilities: npt.NDArray[np.floating[Any]], spec: CaptchaSpec
) -> npt.NDArray[np.intp]:
    """Return the class indices (N, length) of the most likely texts.

    The result is always a text that the spec allows. If the length varies, the log-probabilities
    of all positions determine the length, and no character follows the end class.

    Args:
        probabilities: (N, length, classes).
        spec: the captchas that the probabilities are for.
    """
    if not spec.is_variable:
        best: npt.NDArray[np.intp] = probabilities.argmax(axis=2)
        return best
    end = len(spec.charset)
    characters = probabilities[:, :, :end]
    logs = length_logs(
        characters.max(axis=2), probabilities[:, :, end], spec.shortest, spec.length
    )  # (N, lengths)
    lengths = logs.argmax(axis=1) + spec.shortest
    is_after_end = np.arange(spec.length) >= lengths[:, np.newaxis]
    return np.where(is_after_end, end, characters.argmax(axis=2))


def length_logs(
    characters: npt.NDArray[np.floating[Any]],
    ends: npt.NDArray[np.floating[Any]],
    shortest: int,
    longest: int,
) -> npt.NDArray[np.float64]:
    """Return the log-probability of each length, float64 (..., longest - shortest + 1).

    A text of n characters has characters at the positions 0..n-1 and end classes from n on.

    Args:
        characters: probability of the characters in question per position, (..., length).
        ends: probability of the end class per position, (..., length).
        shortest: the first length in question, at least 1.
        longest: the last one, at most `length`.
    """
    text_logs = _log(characters).cumsum(axis=-1)
    # [..., i]: log-probability of end classes at the positions after i.
    end_logs = _log(ends)[..., :0:-1].cumsum(axis=-1)[..., ::-1]
    text_logs[..., :-1] += end_logs
    logs: npt.NDArray[np.float64] = text_logs[..., shortest - 1 : longest]
    return logs


def _log(probabilities: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    # A float32 softmax rounds tiny probabilities to 0.
    logs: npt.NDArray[np.float64] = np.log(
        np.maximum(probabilities, MIN_PROBABILITY), dtype=np.float64
    )
    return logs


def text2vec(text: str, spec: CaptchaSpec) -> npt.NDArray[np.float32]:
    """Return the one-hot vector of a text, float32 (length * classes,).

    Raises:
        SpecError: if the text does not match the spec.
    """
    one_hot = np.eye(spec.classes, dtype=np.float32)
    vector: npt.NDArray[np.float32] = one_hot[encode([text], spec)[0]].reshape(-1)
    return vector


def vec2text(vector: npt.ArrayLike, spec: CaptchaSpec) -> str:
    """Return the most likely text of a one-hot vector or of probabilities (length * classes,).

    Raises:
        ValueError: if the vector has another size.
    """
    scores = np.asarray(vector)
    expected = spec.length * spec.classes
    if scores.size != expected:
        raise ValueError(f"the vector has {scores.size} values, a captcha here has {expected}")
    rows = scores.reshape(1, spec.length, spec.classes)
    return decode(best_indices(rows, spec), spec)[0]
