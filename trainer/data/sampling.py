"""The order in which an epoch visits the training captchas."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trainer.config import TrainingConfig
from trainer.data.dataset_requests import CONFUSABLE
from trainer.data.hard_examples import ErrorRates, sample_hard_examples
from trainer.data.splits import IMAGE_FOLDER, Split

Rows = npt.NDArray[np.int64]
"""Row numbers of a split, possibly repeated: int64 (N,)."""

# A small image folder is repeated until it makes up a quarter of an epoch, but not so often that
# the network memorises it.
_IMAGE_FOLDER_FRACTION = 0.25
_MAX_REPEATS = 20
# An epoch of a small image folder alone has at least about this many captchas.
_MIN_CAPTCHAS_PER_EPOCH = 20_000


def sample_epoch(
    split: Split, config: TrainingConfig, epoch: int, error_rates: ErrorRates | None = None
) -> Rows:
    """Return the rows of an epoch in their order.

    They depend on the seed, the epoch and the error rates only, so a resumed training uses the same
    captchas as an uninterrupted one.

    Args:
        split: the training split.
        config: hyperparameters.
        epoch: number of the epoch, from 0.
        error_rates: (classes,) for hard-example mining, or None.
    """
    rng = np.random.default_rng((config.seed, epoch))
    rows, confusable = _regular_rows(split), np.array(split.rows_of(CONFUSABLE), np.int64)
    if error_rates is not None:
        # Confusable captchas are not sampled. Their high error rates would make them most of the
        # sample.
        rows = sample_hard_examples(
            rows, split.labels, error_rates, config.hard_example_fraction, rng
        )
    return rng.permutation(np.concatenate([rows, confusable]))


def count_steps(split: Split, config: TrainingConfig) -> int:
    """Return the number of batches per epoch."""
    rows = len(_regular_rows(split)) + len(split.rows_of(CONFUSABLE))
    return -(-rows // config.batch_size)


def count_repeats(folder_images: int, generated: int) -> int:
    """Return how often each image of a folder appears in an epoch beside generated captchas."""
    if not folder_images:
        return 1
    fraction = _IMAGE_FOLDER_FRACTION
    wanted = generated * fraction / (1 - fraction) if generated else _MIN_CAPTCHAS_PER_EPOCH
    return min(_MAX_REPEATS, max(1, round(wanted / folder_images)))


def _regular_rows(split: Split) -> Rows:
    """Return all rows but those of confusable captchas; image folder rows are repeated."""
    repeats = np.ones(len(split), np.int64)
    folder = split.rows_of(IMAGE_FOLDER)
    confusable = split.rows_of(CONFUSABLE)
    repeats[folder.start : folder.stop] = count_repeats(len(folder), len(split) - len(folder))
    repeats[confusable.start : confusable.stop] = 0
    return np.repeat(np.arange(len(split)), repeats)
