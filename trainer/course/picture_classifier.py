"""A small classifier that solves the captcha of pictures.

The tiles of `GET /captcha/pictures` are fetched by seed with the word that each of them shows. The
network learns to name a tile. A question is solved by choosing the tiles that get its word.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from shared.http.schemas import PicturesBody
from shared.versions.manifest import Accuracy
from trainer.course.picture_question import choose_tiles, decode_tile, draw_question
from trainer.course.table_file import write_table
from trainer.course.workspace import CourseWorkspace, SizeName
from trainer.data.generator_client import GeneratorClient
from trainer.evaluation.accuracy import measure_accuracy
from trainer.training.schedules import build_cosine

_CONNECTIONS = 4
_TEST_SEED = 1_000_000  # after the seeds of all training questions


@dataclass(frozen=True)
class _Size:
    """How many questions are fetched, and how often the training repeats them."""

    training: int
    test: int
    epochs: int


_SIZES: dict[SizeName, _Size] = {
    "tiny": _Size(training=40, test=10, epochs=1),
    "small": _Size(training=1_000, test=250, epochs=12),
    "full": _Size(training=2_500, test=1_000, epochs=25),
}


def solve_pictures(workspace: CourseWorkspace) -> list[Path]:
    """Train a classifier of tiles, solve questions with it, and write a table and a figure.

    Args:
        workspace: its size chooses the number of questions.

    Returns:
        `accuracy.csv`, with the accuracies per tile and per question and their 95 % intervals, and
        `solved-question.png`.
    """
    size = _SIZES[workspace.size]
    first = workspace.seed * 10_000_000
    training = fetch_questions(workspace.client, first, size.training)
    test = fetch_questions(workspace.client, first + _TEST_SEED, size.test)
    words = sorted({word for question in training for word in question.words})
    keras.utils.set_random_seed(workspace.seed)
    model = build_tile_classifier(len(words))
    images, classes = _collect_tiles(training, words)
    steps = size.epochs * -(-len(images) // 32)
    model.compile(
        keras.optimizers.Adam(build_cosine(0.004, steps)), "sparse_categorical_crossentropy"
    )
    model.fit(images, classes, batch_size=32, epochs=size.epochs, verbose=0)

    test_images, test_classes = _collect_tiles(test, words)
    probabilities = model.predict(test_images, batch_size=100, verbose=0)
    per_tile = measure_accuracy(probabilities.argmax(axis=1) == test_classes)
    by_question = probabilities.reshape(len(test), -1, len(words))
    solved = np.array([
        choose_tiles(p, words.index(question.question)) == question.answer
        for p, question in zip(by_question, test, strict=True)
    ])  # fmt: skip
    per_question = measure_accuracy(solved)

    directory = workspace.step_directory("pictures")
    table, figure = directory / "accuracy.csv", directory / "solved-question.png"
    write_table(table, [
        _list_columns(name, measured, model.count_params(), len(images))
        for name, measured in (("tile", per_tile), ("question", per_question))
    ])  # fmt: skip
    # One that was not solved, if there is one, shows more.
    shown = int(solved.argmin())
    command = workspace.describe_command("pictures")
    draw_question(figure, test[shown], by_question[shown], words, per_question, command)
    return [table, figure]


def fetch_questions(client: GeneratorClient, first: int, count: int) -> list[PicturesBody]:
    """Return the questions of consecutive seeds.

    Raises:
        GeneratorError: if one cannot be fetched.
    """
    with ThreadPoolExecutor(_CONNECTIONS) as threads:
        return list(threads.map(client.fetch_pictures, range(first, first + count)))


def build_tile_classifier(words: int) -> keras.Model:
    """Build the network, with about 70,000 weights.

    uint8 (64, 64, 3) -> probabilities float32 (words,).
    """
    inputs = layers.Input((64, 64, 3), dtype="uint8")
    x = layers.Rescaling(1 / 255)(inputs)
    for filters in (16, 32, 48, 64):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.ReLU()(x)
    x = layers.Conv2D(64, 3, padding="same", activation="relu")(x)
    x = layers.GlobalMaxPooling2D()(x)
    x = layers.Dropout(0.2)(x)
    return keras.Model(inputs, layers.Dense(words, activation="softmax")(x), name="tiles")


def _collect_tiles(
    questions: list[PicturesBody], words: list[str]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Return all tiles, uint8 (N, height, width, 3), and their classes; -1 for unknown words."""
    images = [decode_tile(tile) for question in questions for tile in question.tiles]
    number = {word: index for index, word in enumerate(words)}
    classes = [number.get(word, -1) for question in questions for word in question.words]
    return np.stack(images), np.array(classes)


def _list_columns(name: str, measured: Accuracy, weights: int, tiles: int) -> dict[str, object]:
    low, high = measured.accuracy_interval_95
    return {
        "measured": name,
        "accuracy": f"{measured.accuracy:.4f}",
        "low_95": f"{low:.4f}",
        "high_95": f"{high:.4f}",
        "n": measured.n,
        "training_tiles": tiles,
        "weights": weights,
    }
