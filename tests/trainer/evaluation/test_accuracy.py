"""Exact-match accuracy, its interval, character accuracy and confusions."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import numpy.typing as npt
import pytest

from shared.captchas.spec import CaptchaSpec
from shared.versions.manifest import Accuracy, Confusion
from trainer.data.splits import Split
from trainer.evaluation.accuracy import (
    Evaluation,
    compare,
    evaluate,
    find_correct,
    list_symbols,
    measure_accuracy,
    predict_restricted,
    wilson_interval,
)

SPEC = CaptchaSpec("abc", length=2, width=20, height=16)
VARIABLE = CaptchaSpec("ab", length=4, min_length=1, width=20, height=16)


def one_hot(predictions: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Return probabilities (N, length, 3) of 1 for these classes."""
    return np.eye(3, dtype=np.float32)[np.array(predictions)]


def split_of(labels: npt.ArrayLike, *subsets: tuple[str, int], spec: CaptchaSpec = SPEC) -> Split:
    classes = np.array(labels, np.int32)
    return Split(spec, np.zeros((len(classes), 16, 20), np.uint8), classes, subsets)


def confusion(truth: str, predicted: str, count: int) -> Confusion:
    return Confusion(truth=truth, predicted=predicted, count=count)


def test_a_captcha_is_correct_only_if_every_character_is() -> None:
    split = split_of([[0, 1], [2, 2], [1, 0], [1, 1]], ("current", 1), ("classic", 3))
    result = compare(one_hot([[0, 1], [2, 1], [1, 0], [0, 0]]), split)
    assert result.spec == SPEC
    assert result.is_correct.tolist() == [True, False, True, False]
    assert result.predictions.tolist() == [[0, 1], [2, 1], [1, 0], [0, 0]]
    assert (result.accuracy.accuracy, result.accuracy.n) == (0.5, 4)
    assert result.accuracy.accuracy_interval_95 == wilson_interval(2, 4)
    assert result.by_subset == {
        "current": Accuracy(accuracy=1.0, accuracy_interval_95=wilson_interval(1, 1), n=1),
        "classic": Accuracy(accuracy=1 / 3, accuracy_interval_95=wilson_interval(1, 3), n=3),
    }
    assert result.confusions.tolist() == [[2, 0, 0], [2, 2, 0], [0, 1, 1]]
    assert result.confusions.dtype == np.int64
    assert result.characters == 8
    assert result.character_accuracy == 5 / 8
    assert result.most_confused == [confusion("b", "a", 2), confusion("c", "b", 1)]


def test_positions_after_the_end_of_label_and_prediction_do_not_count() -> None:
    split = split_of([[0, 2, 2, 2], [1, 1, 2, 2]], ("image folder", 2), spec=VARIABLE)  # a, bb
    result = compare(one_hot([[1, 2, 2, 2], [1, 0, 2, 2]]), split)  # b, ba
    assert result.is_correct.tolist() == [False, False]
    assert result.characters == 3
    assert result.character_accuracy == 1 / 3
    assert result.by_subset["image folder"].n == 2
    assert result.by_subset["image folder"].accuracy == 0.0
    assert result.most_confused == [confusion("b", "a", 1), confusion("a", "b", 1)]


def test_a_missing_or_additional_character_is_a_confusion_with_the_end() -> None:
    split = split_of([[0, 2, 2, 2], [1, 1, 2, 2], [0, 0, 2, 2]], spec=VARIABLE)  # a, bb, aa
    predictions = one_hot([[0, 0, 2, 2], [1, 1, 2, 2], [0, 0, 0, 2]])  # aa, bb, aaa
    result = compare(predictions, split)
    assert result.characters == 7
    assert result.character_accuracy == 5 / 7
    assert result.most_confused == [confusion("∅", "a", 2)]


def test_predictions_are_the_most_likely_valid_texts() -> None:
    probabilities = np.full((1, 4, 3), 0.01, np.float32)
    probabilities[0, :, 2] = 0.9  # the empty text is not allowed
    probabilities[0, 0, 1] = 0.05
    result = compare(probabilities, split_of([[1, 2, 2, 2]], spec=VARIABLE))
    assert result.predictions.tolist() == [[1, 2, 2, 2]]
    assert result.accuracy.accuracy == 1.0


def test_the_confidence_is_that_of_the_inference_service() -> None:
    spec = CaptchaSpec("a", length=2, min_length=1, width=20, height=16)
    probabilities = np.array([[[0.6, 0.4], [0.1, 0.9]]], np.float32)
    result = compare(probabilities, split_of([[0, 1]], spec=spec))
    # 0.6 * 0.9 for "a" and 0.6 * 0.1 for "aa"; the empty text is not allowed.
    assert result.confidences.tolist() == pytest.approx([0.9])


def test_the_five_most_frequent_confusions_are_listed_in_order() -> None:
    confusions = np.array([[90, 4, 1], [6, 80, 2], [5, 3, 70]])
    result = Evaluation(
        SPEC, np.ones(1, bool), np.zeros((1, 2), np.intp), np.ones(1), confusions, {}
    )
    assert result.most_confused == [
        confusion("b", "a", 6),
        confusion("c", "a", 5),
        confusion("a", "b", 4),
        confusion("c", "b", 3),
        confusion("b", "c", 2),
    ]
    assert confusions.tolist() == [[90, 4, 1], [6, 80, 2], [5, 3, 70]]


def test_without_errors_there_are_no_confusions() -> None:
    result = compare(one_hot([[0, 1]]), split_of([[0, 1]]))
    assert result.most_confused == []
    assert result.character_accuracy == 1.0


def test_an_evaluation_is_frozen() -> None:
    result = compare(one_hot([[0, 1]]), split_of([[0, 1]]))
    with pytest.raises(FrozenInstanceError):
        result.by_subset = {}  # type: ignore[misc]


def test_symbols_are_the_characters_and_the_end_of_a_varying_length() -> None:
    assert list_symbols(SPEC) == ["a", "b", "c"]
    assert list_symbols(VARIABLE) == ["a", "b", "∅"]


class Recogniser:
    """Predicts the classes in the first pixels of an image, and records the sizes of batches."""

    def __init__(self) -> None:
        self.batch_sizes: list[int] = []

    def __call__(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        self.batch_sizes.append(len(images))
        return one_hot(images[:, 0, :2])


@pytest.mark.parametrize(
    ("count", "batches"), [(1, [1]), (100, [100]), (101, [100, 1]), (250, [100, 100, 50])]
)
def test_a_split_is_predicted_in_batches_of_100(count: int, batches: list[int]) -> None:
    labels = np.random.default_rng(0).integers(3, size=(count, 2)).astype(np.int32)
    images = np.zeros((count, 16, 20), np.uint8)
    images[:, 0, :2] = labels
    images[-1, 0, 0] = (labels[-1, 0] + 1) % 3
    recogniser = Recogniser()
    result = evaluate(recogniser, Split(SPEC, images, labels, (("current", count),)))
    assert recogniser.batch_sizes == batches
    assert result.is_correct.tolist() == [True] * (count - 1) + [False]
    assert result.by_subset["current"].n == count


class WiderRecogniser:
    """Predicts 2 to 3 of four characters, always the same, and records the images it gets."""

    spec = CaptchaSpec("abcd", length=3, min_length=2, width=40, height=32)

    def __init__(self, probabilities: npt.ArrayLike) -> None:
        self._probabilities = np.array(probabilities, np.float32)
        self.image_shapes: list[tuple[int, ...]] = []

    def __call__(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        self.image_shapes.append(images.shape)
        return np.repeat(self._probabilities[None], len(images), axis=0)


def test_a_version_for_other_captchas_gets_images_of_its_size_and_is_restricted() -> None:
    """Unrestricted, the most probable text is `dda`."""
    recogniser = WiderRecogniser(
        [
            [0.1, 0.3, 0.0, 0.6, 0.0],
            [0.1, 0.0, 0.3, 0.6, 0.0],
            [0.8, 0.0, 0.0, 0.0, 0.2],
        ]
    )
    split = split_of([[1, 2], [1, 1]])  # bc, bb

    is_correct = find_correct(recogniser, recogniser.spec, split)

    assert is_correct.tolist() == [True, False]
    assert is_correct.dtype == np.bool_
    assert recogniser.image_shapes == [(2, 32, 40)]
    restricted = predict_restricted(recogniser, recogniser.spec, SPEC, split.images)
    assert restricted.texts == ["bc", "bc"]
    free = predict_restricted(recogniser, recogniser.spec, recogniser.spec, split.images)
    assert free.texts == ["dda", "dda"]


def test_an_accuracy_is_the_fraction_with_its_interval() -> None:
    assert measure_accuracy(np.array([True, False, True, True])) == Accuracy(
        accuracy=0.75, accuracy_interval_95=wilson_interval(3, 4), n=4
    )


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        # Newcombe (1998), table I, method 3: Wilson without continuity correction.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_equals_published_values(
    successes: int, n: int, low: float, high: float
) -> None:
    assert wilson_interval(successes, n) == pytest.approx((low, high), abs=5e-5)


def test_the_interval_is_exact_for_one_half() -> None:
    # At 1/2 the half-width is z / (2 * sqrt(n + z * z)).
    z = 1.959964
    half = z / (2 * np.sqrt(100 + z * z))
    assert wilson_interval(50, 100) == pytest.approx((0.5 - half, 0.5 + half), abs=1e-12)
    half = 2.5 / (2 * np.sqrt(100 + 2.5 * 2.5))
    assert wilson_interval(50, 100, z=2.5) == pytest.approx((0.5 - half, 0.5 + half), abs=1e-12)


@pytest.mark.parametrize("n", [1, 7, 20, 100, 2_000, 10_000])
def test_the_interval_stays_within_0_and_1(n: int) -> None:
    z_squared = 1.959964**2
    low, high = wilson_interval(0, n)
    assert low == pytest.approx(0.0, abs=1e-12)
    assert low >= 0.0
    assert high == pytest.approx(z_squared / (n + z_squared))
    low, high = wilson_interval(n, n)
    assert low == pytest.approx(n / (n + z_squared))
    assert high == pytest.approx(1.0, abs=1e-12)
    assert high <= 1.0
