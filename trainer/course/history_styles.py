"""Captchas of earlier years: how many labelled ones an attacker needs for each style.

For each style one network is trained from random weights and one from the bundled model, each on
growing numbers of captchas. All trainings of a kind take the same number of steps, so that only the
number of captchas differs: each of them has to be collected and labelled by somebody.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from shared.captchas.spec import Style
from shared.fingerprint import fingerprint
from shared.versions.artifacts import read_manifest
from shared.versions.bundled_model import BUNDLED_DIR
from shared.versions.manifest import Accuracy
from trainer.config import SplitName, TrainingConfig
from trainer.course.history_results import (
    Start,
    StyleResult,
    draw_history_styles,
    read_results,
    write_results,
)
from trainer.course.workspace import CourseWorkspace, SizeName
from trainer.data.dataset_requests import CaptchaSource
from trainer.data.fetched_split import fetch_split
from trainer.data.splits import Split
from trainer.evaluation.accuracy import evaluate
from trainer.networks.initialisation import build_initialised
from trainer.training.schedules import build_learning_rate

STYLES: tuple[Style, ...] = ("current", "gimpy", "line", "crowded")
_NETWORKS: dict[Start, TrainingConfig] = {
    "scratch": TrainingConfig.model_validate(
        {"network": "compact", "init": "scratch", "learning_rate": 0.004}
    ),
    "bundled": TrainingConfig.model_validate(
        {"network": "medium", "init": "bundled", "learning_rate": 0.001}
    ),
}
_BATCH_SIZE = 32


@dataclass(frozen=True)
class _Size:
    """Numbers of training captchas and of training steps, and how many captchas evaluate them."""

    captchas: dict[Start, tuple[int, ...]]
    steps: dict[Start, int]
    test: int


_SIZES: dict[SizeName, _Size] = {
    "tiny": _Size({"scratch": (40,), "bundled": (0, 40)}, {"scratch": 2, "bundled": 2}, 20),
    "small": _Size(
        {"scratch": (100, 300, 1_000, 3_000), "bundled": (0, 100, 1_000)},
        {"scratch": 300, "bundled": 60},
        500,
    ),
    "full": _Size(
        {
            "scratch": (100, 300, 1_000, 3_000, 10_000, 30_000),
            "bundled": (0, 100, 300, 1_000, 3_000, 10_000),
        },
        {"scratch": 4_000, "bundled": 600},
        2_000,
    ),
}


def compare_history_styles(workspace: CourseWorkspace) -> list[Path]:
    """Train on each style with growing numbers of captchas, and write a table and a figure.

    A training whose row is in the table already is not repeated. Rows of other captchas, seeds and
    bundled models stay in the table, with another digest.

    Returns:
        `accuracy.csv` and `history-styles.png`.
    """
    size = _SIZES[workspace.size]
    directory = workspace.step_directory("styles")
    table, figure = directory / "accuracy.csv", directory / "history-styles.png"
    done = {result.key: result for result in read_results(table)}
    samples = {style: _fetch(workspace, style, "test", size.test) for style in STYLES}
    results: list[StyleResult] = []
    for start, counts in size.captchas.items():
        trainings: _Trainings | None = None
        digests = {style: digest_training(workspace, style, start) for style in STYLES}
        for style, count in itertools.product(STYLES, counts):
            steps, test = size.steps[start] if count else 0, samples[style]
            result = done.get((style, start, count, steps, len(test), digests[style]))
            if result is None:
                trainings = trainings or _Trainings(workspace, start)
                train = _fetch(workspace, style, "train", count) if count else None
                result = StyleResult.measured(
                    style, start, count, steps, trainings.run(train, test), digests[style]
                )
                done[result.key] = result
                write_results(table, list(done.values()))
            results.append(result)
    command = workspace.describe_command("styles")
    draw_history_styles(figure, samples, results, command)
    return [table, figure]


def digest_training(workspace: CourseWorkspace, style: Style, start: Start) -> str:
    """Return a digest of what determines the accuracies, beside the numbers of their rows."""
    source = _find_source(workspace, style)
    identity: dict[str, str | int] = {
        "spec": source.spec.fingerprint,
        "renderer": source.renderer_fingerprint,
        "seed": workspace.seed,
    }
    if start == "bundled":
        manifest = read_manifest(BUNDLED_DIR)
        identity["bundled"] = manifest.training_fingerprint
    return fingerprint(identity)


class _Trainings:
    """Trainings of one network, each from the same initial weights.

    The styles differ in the pixels only, so that one model, which is compiled once, serves for all.
    """

    def __init__(self, workspace: CourseWorkspace, start: Start) -> None:
        keras.utils.set_random_seed(workspace.seed)
        config = _NETWORKS[start]
        self._seed = workspace.seed
        self._steps = _SIZES[workspace.size].steps[start]
        self._model = build_initialised(config, workspace.source.spec)
        self._initial = self._model.get_weights()
        rate = build_learning_rate(config, self._steps)
        optimizer = keras.optimizers.AdamW(rate, weight_decay=config.weight_decay)
        optimizer.build(self._model.trainable_variables)
        self._model.compile(optimizer, "categorical_crossentropy", jit_compile=False)

    def run(self, train: Split | None, test: Split) -> Accuracy:
        """Train, unless there are no captchas for it, and return the exact match."""
        self._model.set_weights(self._initial)
        for variable in self._model.optimizer.variables:  # the step and the moments
            variable.assign(keras.ops.zeros_like(variable))
        if train is not None:
            batches = _repeat(train, self._steps, self._seed)
            self._model.fit(batches, steps_per_epoch=self._steps, shuffle=False, verbose=0)
        return evaluate(self._model.predict_on_batch, test).accuracy


def _find_source(workspace: CourseWorkspace, style: Style) -> CaptchaSource:
    return workspace.source.with_options(style)


def _fetch(workspace: CourseWorkspace, style: Style, split: SplitName, count: int) -> Split:
    source = _find_source(workspace, style)
    return fetch_split(workspace.client, source, split, workspace.seed, count)


def _repeat(split: Split, steps: int, seed: int) -> tf.data.Dataset:
    """Return as many batches as steps: images uint8 (B, height, width), and one-hot labels."""
    rows = np.random.default_rng(seed)
    order = itertools.chain.from_iterable(rows.permutation(len(split)) for _ in itertools.count())
    chosen = np.fromiter(order, np.int64, steps * _BATCH_SIZE)
    one_hot = np.eye(split.spec.classes, dtype=np.float32)

    def batches() -> Iterator[tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]]:
        for batch in chosen.reshape(steps, _BATCH_SIZE):
            yield split.images[batch], one_hot[split.labels[batch]]

    spec = split.spec
    signature = (
        tf.TensorSpec((None, spec.height, spec.width), tf.uint8),
        tf.TensorSpec((None, spec.length, spec.classes), tf.float32),
    )
    return tf.data.Dataset.from_generator(batches, output_signature=signature).prefetch(4)
