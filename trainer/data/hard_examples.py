"""Hard-example mining: sample captchas by the error rates of their characters.

Most captchas are predicted correctly early in a training. With 4 of 36 characters, 0 and O cause
three quarters of all errors and appear in a fifth of the captchas. Compare Jiang et al.,
"Accelerating Deep Learning by Focusing on the Biggest Losers" (2019).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

ErrorRates = npt.NDArray[np.float64]
"""Error rate of each class, float64 (classes,)."""


def measure_error_rates(confusions: npt.NDArray[np.int64]) -> ErrorRates:
    """Return the error rate of each class: mean of its false negatives and false positives.

    With false negatives alone, the worse of two confusable characters would be sampled more often,
    and after the next epoch the other one would be worse.

    Args:
        confusions: (classes, classes), how often the row's class was predicted as the column's.
    """
    correct = confusions.diagonal()
    totals = confusions.sum(axis=1)
    errors = totals - correct + confusions.sum(axis=0) - correct
    # A rare class can have more false positives than samples.
    rates: ErrorRates = np.minimum(errors / (2 * np.maximum(totals, 1)), 1)
    return rates


def sample_hard_examples(
    rows: npt.NDArray[np.int64],
    labels: npt.NDArray[np.int32],
    error_rates: ErrorRates,
    fraction: float,
    rng: np.random.Generator,
) -> npt.NDArray[np.int64]:
    """Return as many rows, a fraction of them sampled by error rate, the rest at random.

    Args:
        rows: (N,), the rows of an epoch.
        labels: class indices of all captchas, int32 (all, length).
        error_rates: (classes,). The probability of a captcha is proportional to the sum over its
            characters. A captcha can be sampled several times.
        fraction: fraction of the result that is sampled by error rate.
        rng: source of randomness.
    """
    weights = error_rates[labels[rows]].sum(axis=1)
    if not weights.any():
        return rows
    count = round(fraction * len(rows))
    hard = rng.choice(rows, count, p=weights / weights.sum())
    others = rng.permutation(rows)[count:]
    return np.concatenate([hard, others])
