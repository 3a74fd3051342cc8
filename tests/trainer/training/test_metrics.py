"""The metrics of a training equal those of the evaluation of a published model."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from shared.captchas.labels import best_indices, encode
from shared.captchas.spec import CaptchaSpec
from trainer.data.splits import ConcatenatedImages, Split
from trainer.evaluation.accuracy import compare
from trainer.training.metrics import CharacterAccuracy, ExactMatch

FIXED = CaptchaSpec("abc", length=2)
VARIABLE = CaptchaSpec("ab", length=3, min_length=1)
SPECS = pytest.mark.parametrize("spec", [FIXED, VARIABLE], ids=["fixed length", "variable length"])

Probabilities = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int32]


def predict_at_random(spec: CaptchaSpec, count: int = 200) -> tuple[Labels, Probabilities]:
    """Return labels, and probabilities of which about half are correct."""
    rng = np.random.default_rng(1)
    lengths = rng.integers(spec.shortest, spec.length, size=count, endpoint=True)
    labels = encode(["".join(rng.choice([*spec.charset], n)) for n in lengths], spec)
    noise = rng.gumbel(size=(count, spec.length, spec.classes)) + 2 * np.eye(spec.classes)[labels]
    exp = np.exp(noise)
    return labels, (exp / exp.sum(axis=-1, keepdims=True)).astype(np.float32)


def update(metric: ExactMatch | CharacterAccuracy, labels: Labels, values: Probabilities) -> float:
    metric.update_state(tf.one_hot(labels, values.shape[-1]), tf.constant(values))
    return float(metric.result())


@SPECS
def test_exact_match_counts_captchas_with_every_character_correct(spec: CaptchaSpec) -> None:
    labels, probabilities = predict_at_random(spec)
    is_correct = (best_indices(probabilities, spec) == labels).all(axis=1)
    assert 0.1 < is_correct.mean() < 0.9
    assert update(ExactMatch(spec), labels, probabilities) == pytest.approx(is_correct.mean())


@SPECS
def test_the_metrics_equal_those_of_the_evaluation(spec: CaptchaSpec) -> None:
    labels, probabilities = predict_at_random(spec)
    expected = compare(probabilities, Split(spec, ConcatenatedImages([], spec), labels))
    accuracy = CharacterAccuracy(spec)
    assert update(accuracy, labels, probabilities) == pytest.approx(expected.character_accuracy)
    assert np.array_equal(accuracy.confusions, expected.confusions)
    assert update(ExactMatch(spec), labels, probabilities) == pytest.approx(
        expected.accuracy.accuracy
    )


@SPECS
def test_images_without_a_captcha_do_not_count(spec: CaptchaSpec) -> None:
    labels, probabilities = predict_at_random(spec)
    targets = tf.one_hot(labels, spec.classes).numpy()
    targets[50:] = 1 / spec.classes
    for metric in (ExactMatch(spec), CharacterAccuracy(spec)):
        metric.update_state(tf.constant(targets), tf.constant(probabilities))
        assert float(metric.result()) == pytest.approx(
            update(type(metric)(spec), labels[:50], probabilities[:50])
        )


@pytest.mark.parametrize("build", [ExactMatch, CharacterAccuracy])
@SPECS
def test_batches_add_up_to_the_whole(
    spec: CaptchaSpec, build: type[ExactMatch] | type[CharacterAccuracy]
) -> None:
    labels, probabilities = predict_at_random(spec)
    whole = update(build(spec), labels, probabilities)
    metric = build(spec)
    for rows in (slice(0, 70), slice(70, 71), slice(71, None)):
        result = update(metric, labels[rows], probabilities[rows])
    assert result == pytest.approx(whole)


@SPECS
def test_the_metrics_can_be_computed_in_a_graph(spec: CaptchaSpec) -> None:
    labels, probabilities = predict_at_random(spec)
    metrics = [ExactMatch(spec), CharacterAccuracy(spec)]

    @tf.function(input_signature=[tf.TensorSpec((None, *probabilities.shape[1:]))] * 2)
    def step(truth: tf.Tensor, predicted: tf.Tensor) -> None:
        for metric in metrics:
            metric.update_state(truth, predicted)

    step(tf.one_hot(labels, spec.classes), tf.constant(probabilities))
    for metric in metrics:
        assert float(metric.result()) == pytest.approx(
            update(type(metric)(spec), labels, probabilities)
        )


def test_the_prediction_is_the_most_likely_text_that_the_spec_allows() -> None:
    # The end is the most likely first class, but no captcha is empty.
    values = np.array([[[0.4, 0.1, 0.5], [0.05, 0.05, 0.9], [0.05, 0.05, 0.9]]], np.float32)
    labels = encode(["a"], VARIABLE)
    assert update(ExactMatch(VARIABLE), labels, values) == 1
    assert update(CharacterAccuracy(VARIABLE), labels, values) == 1


def test_positions_after_the_end_of_a_text_do_not_count_as_characters() -> None:
    values = np.eye(3, dtype=np.float32)[encode(["ab", "b"], VARIABLE)]
    metric = CharacterAccuracy(VARIABLE)
    # "ab" is predicted for "aa", and "b" for "bb": 2 of 4 positions are correct.
    assert update(metric, encode(["aa", "bb"], VARIABLE), values) == 0.5
    assert metric.confusions.tolist() == [[1, 1, 0], [0, 1, 1], [0, 0, 2]]
    assert metric.confusions.dtype == np.int64


def test_a_row_of_the_confusions_is_the_true_class() -> None:
    values = np.eye(3, dtype=np.float32)[encode(["ac", "bb"], FIXED)]
    metric = CharacterAccuracy(FIXED)
    assert update(metric, encode(["ab", "cb"], FIXED), values) == 0.5
    assert metric.confusions.tolist() == [[1, 0, 0], [0, 1, 1], [0, 1, 0]]


def test_the_last_class_of_a_fixed_length_is_a_character() -> None:
    values = np.eye(3, dtype=np.float32)[encode(["cc"], FIXED)]
    assert update(CharacterAccuracy(FIXED), encode(["cc"], FIXED), values) == 1


def test_a_reset_forgets_everything() -> None:
    labels, probabilities = predict_at_random(FIXED)
    for metric in (ExactMatch(FIXED), CharacterAccuracy(FIXED)):
        update(metric, labels, probabilities)
        metric.reset_state()
        assert float(metric.result()) == 0


def test_the_metrics_have_the_names_of_the_columns() -> None:
    assert ExactMatch(FIXED).name == "exact_match"
    assert CharacterAccuracy(FIXED).name == "character_accuracy"
