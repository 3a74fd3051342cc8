"""Text <-> class indices <-> one-hot vectors.

The one-hot functions keep the course's semantics: "6046" becomes a vector of
length * len(charset) numbers with a one at position * len(charset) + index.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from shared.spec import CaptchaSpec


def encode(texts: Sequence[str], spec: CaptchaSpec) -> npt.NDArray[np.int32]:
    """Class indices, int32 (N, length). Raises SpecError naming the first text that cannot be."""
    index = {character: i for i, character in enumerate(spec.charset)}
    for text in texts:
        spec.check_text(text)
    flat = [index[character] for text in texts for character in text]
    return np.array(flat, dtype=np.int32).reshape(len(texts), spec.length)


def decode(indices: npt.ArrayLike, spec: CaptchaSpec) -> list[str]:
    """Texts of class indices (N, length)."""
    characters = np.array(list(spec.charset))
    rows = characters[np.asarray(indices, dtype=np.intp)]
    return ["".join(row) for row in rows]


def text2vec(text: str, spec: CaptchaSpec) -> npt.NDArray[np.float32]:
    """One-hot float32 (length * len(charset),). Raises ValueError naming both lengths."""
    classes = np.eye(len(spec.charset), dtype=np.float32)
    vector: npt.NDArray[np.float32] = classes[encode([text], spec)[0]].reshape(-1)
    return vector


def vec2text(vector: npt.ArrayLike, spec: CaptchaSpec) -> str:
    """The most likely text of scores (length * len(charset),), for example a prediction.

    Raises ValueError if the vector has another size.
    """
    scores = np.asarray(vector)
    expected = spec.length * len(spec.charset)
    if scores.size != expected:
        raise ValueError(f"vector has {scores.size} numbers, a captcha here has {expected}")
    rows = scores.reshape(spec.length, len(spec.charset))
    return decode(rows.argmax(axis=1)[np.newaxis], spec)[0]
