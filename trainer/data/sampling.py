"""The order in which an epoch visits the training captchas."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trainer.config import TrainingConfig
from trainer.data.dataset_requests import CONFUSABLE
from trainer.data.hard_examples import ErrorRates, sample_hard_examples
from trainer.data.splits import IMAGE_FOLDER, NON_CAPTCHAS, Split

Rows = npt.NDArray[np.int64]
"""Row numbers of a split, possibly repeated: int64 (N,)."""

# Beside captchas of the generator, a small image folder is repeated until it makes up a quarter of
# an epoch, but not so often that the network memorises it.
_IMAGE_FOLDER_FRACTION = 0.25
_MAX_REPEATS = 20


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
    rows, confusable = _regular_rows(split, config), np.array(split.rows_of(CONFUSABLE), np.int64)
    non_captchas = np.zeros(0, np.int64)
    if available := split.rows_of(NON_CAPTCHAS):
        non_captchas = rng.choice(available, _count_non_captchas(split, config))
    if error_rates is not None:
        # Confusable captchas are not sampled. Their high error rates would make them most of the
        # sample.
        rows = sample_hard_examples(
            rows, split.labels, error_rates, config.hard_example_fraction, rng
        )
    return rng.permutation(np.concatenate([rows, confusable, non_captchas]))


def count_steps(split: Split, config: TrainingConfig) -> int:
    """Return the number of batches per epoch."""
    return -(-count_images(split, config) // config.batch_size)


def count_images(split: Split, config: TrainingConfig) -> int:
    """Return the number of images per epoch."""
    return _count_captchas(split, config) + _count_non_captchas(split, config)


def _count_captchas(split: Split, config: TrainingConfig) -> int:
    return len(_regular_rows(split, config)) + len(split.rows_of(CONFUSABLE))


def _count_non_captchas(split: Split, config: TrainingConfig) -> int:
    if not split.rows_of(NON_CAPTCHAS):
        return 0
    fraction = config.non_captcha_fraction
    return round(_count_captchas(split, config) * fraction / (1 - fraction))


def count_repeats(folder_images: int, generated: int, folder_epoch_captchas: int) -> int:
    """Return how often each image of a folder appears in an epoch beside generated captchas."""
    if not folder_images:
        return 1
    if not generated:
        return max(1, round(folder_epoch_captchas / folder_images))
    fraction = _IMAGE_FOLDER_FRACTION
    wanted = generated * fraction / (1 - fraction)
    return min(_MAX_REPEATS, max(1, round(wanted / folder_images)))


def _regular_rows(split: Split, config: TrainingConfig) -> Rows:
    """Return all rows but those of confusable captchas and non-captchas.

    Image folder rows are repeated.
    """
    repeats = np.ones(len(split), np.int64)
    for subset in (CONFUSABLE, NON_CAPTCHAS):
        repeats[split.rows_of(subset)] = 0
    folder = split.rows_of(IMAGE_FOLDER)
    generated = len(split) - len(folder) - len(split.rows_of(NON_CAPTCHAS))
    repeats[folder] = count_repeats(len(folder), generated, config.folder_epoch_captchas)
    return np.repeat(np.arange(len(split)), repeats)
