"""What is misread is looked at more often: most captchas have nothing left to teach.

Of 4 of 36 characters, 0 and O make three quarters of all errors, and stand in a fifth of the
captchas. Choosing by what is still wrong spends the steps where they count; compare Jiang et al.,
"Accelerating Deep Learning by Focusing on the Biggest Losers" (2019).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

ErrorRates = npt.NDArray[np.float64]
"""Of each class, how much is misread or read where another one stands: float64 (classes,)."""


def measure_misread(confusions: npt.NDArray[np.int64]) -> ErrorRates:
    """What was misread. confusions: (classes, classes), how often row was read as column.

    Both sides of a mistake count: if only what was missed did, of two look-alikes the one misread
    more often would be shown more often, and after the next pass it would be the other one.
    """
    right = confusions.diagonal()
    totals = confusions.sum(axis=1)
    mistakes = totals - right + confusions.sum(axis=0) - right
    # What hardly occurs can be read more often than it is there.
    rates: ErrorRates = np.minimum(mistakes / (2 * np.maximum(totals, 1)), 1)
    return rates


def choose(
    rows: npt.NDArray[np.int64],
    labels: npt.NDArray[np.int32],
    misread: ErrorRates,
    share: float,
    numbers: np.random.Generator,
) -> npt.NDArray[np.int64]:
    """As many rows: first `share` of them chosen by what they hold, then others by chance.

    rows: (N,), each to be used once. labels: (all captchas, length). A captcha is the more likely
    chosen the more of its characters are misread; one can be chosen several times.
    """
    weights = misread[labels[rows]].sum(axis=1)
    if not weights.any():
        return rows
    chosen = round(share * len(rows))
    hard = numbers.choice(rows, chosen, p=weights / weights.sum())
    others = numbers.permutation(rows)[chosen:]
    return np.concatenate([hard, others])
