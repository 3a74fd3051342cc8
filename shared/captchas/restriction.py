"""Restrictions: the most likely text among some characters and lengths, and its confidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
import numpy.typing as npt

from shared.captchas.labels import MIN_PROBABILITY, best_indices, decode, length_logs
from shared.captchas.spec import CaptchaSpec

# The probability, before the model has seen the image, that the captcha is within a restriction.
# Nothing is known about the image then.
_PRIOR = 0.5
# Float32 probabilities of one position sum to 1 within this.
_ROUNDING = 1e-6


class RestrictionError(ValueError):
    """A restriction that a spec does not contain."""


@dataclass(frozen=True)
class Restriction:
    """The texts that an answer can be.

    Attributes:
        charset: the characters that can appear, in any order.
        min_length: the smallest number of characters.
        max_length: the largest number of characters.
    """

    charset: str
    min_length: int
    max_length: int

    def __str__(self) -> str:
        """Return the restriction for messages: "4 to 6 characters of 'abc'"."""
        lengths = f"{self.min_length} to {self.max_length}"
        if self.min_length == self.max_length:
            lengths = str(self.min_length)
        return f"{lengths} characters of {self.charset!r}"

    @classmethod
    def from_spec(cls, spec: CaptchaSpec) -> Self:
        """Return the restriction that allows every text of a spec."""
        return cls(spec.charset, spec.shortest, spec.length)


@dataclass(frozen=True)
class Predictions:
    """The most likely text of each of N images within a restriction.

    Attributes:
        texts: N texts.
        character_probabilities: for each text float32 (len(text),), the probability of each
            character among the allowed characters at its position.
        confidences: float64 (N,), the probability that the text is correct.
    """

    texts: list[str]
    character_probabilities: list[npt.NDArray[np.float32]]
    confidences: npt.NDArray[np.float64]

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Return the predictions of all parts, in order; there is at least one part."""
        return cls(
            [text for part in parts for text in part.texts],
            [p for part in parts for p in part.character_probabilities],
            np.concatenate([part.confidences for part in parts]),
        )


def predict_texts(
    probabilities: npt.NDArray[np.float32], spec: CaptchaSpec, restriction: Restriction
) -> Predictions:
    """Return the most likely texts within a restriction.

    The confidence of a text is P(text | within) * P(within):

    P(text | within) is the text's share of the probability that the model gives to all texts within
    the restriction.

    P(within) is the probability that the captcha is within the restriction at all. Let M be the
    share of the texts within the restriction in the probability that the model gives to all texts
    of the spec, and m the same share if the model knew nothing: every character and every length
    equally likely. Then the evidence of the image is the ratio of the odds before and after it, and
    Bayes' rule gives

        odds(within) = prior odds * [M / (1 - M)] / [m / (1 - m)].

    M itself would be wrong: a model that cannot distinguish 0 from O gives a captcha of four zeros
    M = 1/16 within the digits, although a caller who knows that it shows digits resolves this. With
    m = (10/62)^4 the odds are 98 to 1. A captcha of letters that is read as digits has an M far
    below m, and a low confidence.

    Args:
        probabilities: float32 (N, length, classes) of the spec; each row sums to 1.
        spec: the captchas that the model predicts.
        restriction: what a text can be.

    Raises:
        RestrictionError: if the spec does not contain the restriction.
    """
    plan = _plan(spec, restriction)
    if plan.is_whole and not spec.is_variable:
        # Every text is possible and each row sums to 1, so there is nothing to normalise.
        texts = decode(best_indices(probabilities, spec), spec)
        characters = probabilities.max(axis=2)
        return Predictions(texts, list(characters), characters.prod(axis=1, dtype=np.float64))
    shortest, longest = restriction.min_length, restriction.max_length
    allowed = probabilities[:, :, plan.classes]  # (N, length, k)
    best = allowed.argmax(axis=2)  # (N, length)
    # The chosen and the allowed characters, and all characters if not all of them are allowed.
    masses = np.empty((2 if plan.is_whole else 3, *best.shape), np.float32)
    allowed.max(axis=2, out=masses[0])
    allowed.sum(axis=2, out=masses[1])
    if not plan.is_whole:
        probabilities[:, :, : len(spec.charset)].sum(axis=2, out=masses[2])
    # The sum is at least that of k smallest probabilities, so that k impossible characters are
    # equally likely.
    np.maximum(masses[0], MIN_PROBABILITY, out=masses[0])
    np.maximum(masses[1:], MIN_PROBABILITY * len(plan.charset), out=masses[1:])
    characters = masses[0] / masses[1]  # (N, length)
    ends = probabilities[:, :, -1] if spec.is_variable else np.ones_like(characters)
    logs = length_logs(masses, ends, spec.shortest, spec.length)  # (2 or 3, N, lengths of the spec)
    within = logs[:2, :, shortest - spec.shortest : longest - spec.shortest + 1]
    lengths = within[0].argmax(axis=1) + shortest  # (N,)
    log_within = _log_sum(within[1])  # (N,)
    log_confidences = within[0].max(axis=1) - log_within
    if not plan.is_whole:
        log_share = log_within - _log_sum(logs[2])
        log_confidences += _log_posterior(log_share, plan.prior_share)
    texts = [
        "".join([plan.charset[i] for i in row[:length]])
        for row, length in zip(best.tolist(), lengths.tolist(), strict=True)
    ]
    by_text = [row[: len(text)] for row, text in zip(characters, texts, strict=True)]
    return Predictions(texts, by_text, np.exp(np.minimum(log_confidences, 0.0)))


@dataclass(frozen=True)
class _Plan:
    """What `predict_texts` derives from a spec and a restriction."""

    charset: str
    """The allowed characters, each once, in the order of the spec."""
    classes: slice | npt.NDArray[np.intp]
    """Their classes."""
    is_whole: bool
    """Whether the restriction allows every text of the spec."""
    prior_share: float
    """Share of the allowed texts if every character and every length is equally likely."""


@lru_cache(maxsize=256)
def _plan(spec: CaptchaSpec, restriction: Restriction) -> _Plan:
    unknown = set(restriction.charset) - set(spec.charset)
    if unknown or not restriction.charset:
        raise RestrictionError(
            f"charset must be a part of {spec.charset!r}, not {restriction.charset!r}"
        )
    lengths = range(restriction.min_length, restriction.max_length + 1)
    if not lengths or not spec.shortest <= lengths[0] <= lengths[-1] <= spec.length:
        raise RestrictionError(
            f"the length must be within {spec.length_range},"
            f" not {restriction.min_length} to {restriction.max_length}"
        )
    classes = [i for i, character in enumerate(spec.charset) if character in restriction.charset]
    first, last = classes[0], classes[-1]
    # A slice of the probabilities is a view; an index array copies them.
    is_slice = last - first + 1 == len(classes)
    all_lengths = spec.length - spec.shortest + 1
    return _Plan(
        charset="".join(spec.charset[i] for i in classes),
        classes=slice(first, last + 1) if is_slice else np.array(classes),
        is_whole=len(classes) == len(spec.charset) and len(lengths) == all_lengths,
        prior_share=sum((len(classes) / len(spec.charset)) ** n for n in lengths) / all_lengths,
    )


def _log_sum(logs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the logarithm of the sum of exp(logs) along the last axis."""
    if logs.shape[-1] == 1:
        return logs[..., 0]
    sums: npt.NDArray[np.float64] = np.logaddexp.reduce(logs, axis=-1)
    return sums


def _log_posterior(
    log_share: npt.NDArray[np.float64], prior_share: float
) -> npt.NDArray[np.float64]:
    """Return log P(within) from log M and m; see `predict_texts`."""
    # Rounding can give M > 1.
    log_share = np.minimum(log_share, np.log1p(-_ROUNDING))
    log_odds = log_share - np.log(-np.expm1(log_share))
    log_odds += np.log(_PRIOR / (1 - _PRIOR)) - np.log(prior_share / (1 - prior_share))
    # log(odds / (1 + odds)) without overflow.
    log_posterior: npt.NDArray[np.float64] = -np.logaddexp(0.0, -log_odds)
    return log_posterior
