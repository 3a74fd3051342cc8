"""The captchas of the course's trainings, in the style that the generator issues."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from shared.fingerprint import fingerprint
from trainer.course.runs.sizes import TRAINING_SIZES
from trainer.course.workspace import CourseWorkspace
from trainer.data.fetched_split import fetch_split
from trainer.data.splits import Split


@dataclass(frozen=True)
class RunCaptchas:
    """What every run of a workspace trains on and is evaluated with."""

    train: Split
    validation: Split
    seed: int


def fetch_captchas(workspace: CourseWorkspace) -> RunCaptchas:
    """Return the captchas of the workspace's size.

    Raises:
        GeneratorError: if they cannot be fetched.
    """
    size = TRAINING_SIZES[workspace.size]
    client, source, seed = workspace.client, workspace.source, workspace.seed
    return RunCaptchas(
        fetch_split(client, source, "train", seed, size.captchas),
        fetch_split(client, source, "validation", seed, size.validation),
        seed,
    )


def digest_captchas(workspace: CourseWorkspace) -> str:
    """Return a name for captchas and seed; runs on others have another directory."""
    size, source = TRAINING_SIZES[workspace.size], workspace.source
    return fingerprint(
        {
            "spec": source.spec.fingerprint,
            "renderer": source.renderer_fingerprint,
            "captchas": size.captchas,
            "validation": size.validation,
            "seed": workspace.seed,
        }
    )


class EpochBatches:
    """Shuffled training batches. No augmentation: training curves compare like with like.

    The order depends on the seed and the epoch only, so that a run that was stopped resumes with
    the batches of one that was not.
    """

    def __init__(self, captchas: RunCaptchas, batch_size: int) -> None:
        self.epoch = 0
        """The epoch that the next iteration of `dataset` yields, from 0."""
        self.steps = -(-len(captchas.train) // batch_size)
        self._captchas, self._batch_size = captchas, batch_size
        spec = captchas.train.spec
        signature = (
            tf.TensorSpec((None, spec.height, spec.width), tf.uint8),
            tf.TensorSpec((None, spec.length, spec.classes), tf.float32),
        )
        self.dataset = (
            tf.data.Dataset.from_generator(self._iterate, output_signature=signature)
            .apply(tf.data.experimental.assert_cardinality(self.steps))
            .prefetch(4)
        )
        """Images uint8 (B, height, width) and one-hot labels float32 (B, length, classes)."""

    def _iterate(self) -> Iterator[tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]]:
        split = self._captchas.train
        one_hot = np.eye(split.spec.classes, dtype=np.float32)
        order = np.random.default_rng((self._captchas.seed, self.epoch)).permutation(len(split))
        for start in range(0, len(split), self._batch_size):
            rows = order[start : start + self._batch_size]
            yield split.images[rows], one_hot[split.labels[rows]]
