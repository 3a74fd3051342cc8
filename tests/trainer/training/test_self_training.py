"""Self-training: the most confident predictions become labels, in growing numbers."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from shared.captchas.images import fit_size, to_grey
from shared.captchas.labels import decode, encode
from shared.captchas.restriction import Restriction, predict_texts
from shared.captchas.spec import CaptchaSpec
from tests.benchmarks.designs.catalogue import DESIGNS
from tests.benchmarks.designs.conftest import FONT
from tests.benchmarks.designs.programs import inverted_checks
from tests.trainer.training.tiny_training import SPEC, build_split
from trainer.config import TrainingConfig
from trainer.data.batches import TrainingBatches
from trainer.data.splits import Images, Split
from trainer.evaluation import accuracy
from trainer.evaluation.accuracy import predict_restricted
from trainer.networks import build_recogniser
from trainer.networks.initialisation import build_initialised
from trainer.training import self_training
from trainer.training.self_training import (
    SelfTrained,
    _Attempt,
    _build_config,
    _choose_attempt,
    _compile,
    _StepCounter,
    self_train,
)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rounds of six steps, with small networks from random weights."""
    monkeypatch.setattr(self_training, "FRACTIONS", (0.25, 0.5))
    monkeypatch.setattr(self_training, "ROUNDS_TO_CHOOSE", 1)
    monkeypatch.setattr(self_training, "STEPS_PER_ROUND", 6)
    monkeypatch.setattr(self_training, "_STEPS_PER_EXECUTION", 3)
    monkeypatch.setattr(
        self_training, "build_initialised", lambda config, spec: build_recogniser("compact", spec)
    )


@pytest.fixture
def splits(monkeypatch: pytest.MonkeyPatch) -> list[Split]:
    """Return the splits that are trained on; those of a round are as many as the networks."""
    noted: list[Split] = []

    def note(split: Split, config: TrainingConfig) -> TrainingBatches:
        noted.append(split)
        return TrainingBatches(split, config)

    monkeypatch.setattr(self_training, "TrainingBatches", note)
    return noted


def predict_texts_of(trained: SelfTrained, images: Images) -> list[str]:
    return predict_restricted(trained.predict, trained.spec, trained.spec, images).texts


def build_attempt(images: Images, *texts: str, is_aligned: bool = False) -> _Attempt:
    """Return networks that have predicted a text each for all images."""
    config = _build_config(1)
    model = _compile(build_recogniser("compact", SPEC), config)
    attempt = _Attempt(model, SPEC, images[:], config, is_aligned)
    one_hot = np.eye(SPEC.classes, dtype=np.float32)
    attempt._networks = [
        replace(network, probabilities=one_hot[encode([text] * len(images), SPEC)])
        for network, text in zip(attempt._networks, texts, strict=True)
    ]
    return attempt


@pytest.mark.usefixtures("short")
def test_each_round_is_trained_on_more_predictions(splits: list[Split]) -> None:
    reports = list[int]()

    trained = self_train(SPEC, build_split(120, 1).images, 1, reports.append)

    # Three networks, 40 images each; the first round with and without equal frequencies.
    assert [len(split) for split in splits] == [10] * 6 + [20] * 3
    assert reports == list(range(3, 55, 3))
    means = [v for v in trained.recogniser.variables if v.path.endswith("moving_mean")]
    assert means
    assert not any(v.numpy().any() for v in means)  # frozen: zero, as at the beginning


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("odd", range(3))
def test_a_network_is_trained_on_predictions_of_the_others(splits: list[Split], odd: int) -> None:
    images = build_split(120, 1).images
    texts = ["11"] * 3
    texts[odd] = "00"

    build_attempt(images, *texts).train_round(1, _StepCounter(lambda steps: None))

    assert set(decode(splits[odd].labels, SPEC)) == {"11"}
    trained_on = [image.tobytes() for split in splits for image in split.images[:]]
    assert len(set(trained_on)) == 60, "each image by one network"


@pytest.mark.usefixtures("short")
def test_networks_of_two_attempts_do_not_change_each_other() -> None:
    images, config, steps = (
        build_split(120, 1).images[:],
        _build_config(1),
        _StepCounter(lambda steps: None),
    )
    model = _compile(build_recogniser("compact", SPEC), config)
    initial = model.get_weights()
    first, second = (_Attempt(model, SPEC, images, config, aligned) for aligned in (False, True))

    for number in range(2):
        first.train_round(number, steps)

    kernels = [network.weights[0] for network in first._networks]
    assert not any(np.array_equal(a, b) for a, b in combinations([initial[0], *kernels], 2))
    assert [network.optimizer[0] for network in first._networks] == [12] * 3
    for network in second._networks:
        assert network.optimizer[0] == 0
        assert all(map(np.array_equal, network.weights, initial))


@pytest.mark.usefixtures("short")
def test_labels_are_equally_frequent_if_this_is_assumed(splits: list[Split]) -> None:
    for is_aligned in (False, True):
        attempt = build_attempt(build_split(120, 1).images, "00", "00", "00", is_aligned=is_aligned)
        unsure = np.full((120, 2, 2), (0.6, 0.4), np.float32)
        unsure += np.linspace(0, 0.05, 240, dtype=np.float32).reshape(120, 2, 1) * (1, -1)
        attempt._networks = [replace(n, probabilities=unsure) for n in attempt._networks]
        attempt.train_round(1, _StepCounter(lambda steps: None))

    before, after = (np.concatenate([s.labels[:] for s in splits[i : i + 3]]) for i in (0, 3))
    assert not before.any(), "all zeros"
    assert 0.2 < after.mean() < 0.8


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize(
    ("texts", "agreement"), [(("01", "01", "01"), 1), (("01", "01", "10"), 1 / 3)]
)
def test_agreement_is_the_mean_of_all_pairs(texts: tuple[str, ...], agreement: float) -> None:
    attempt = build_attempt(build_split(120, 1).images, *texts)

    assert attempt.measure_agreement() == pytest.approx(agreement)


@pytest.mark.usefixtures("short")
def test_the_highest_frequency_is_relative_to_the_mean() -> None:
    attempt = build_attempt(build_split(120, 1).images, "00", "00", "01")

    assert attempt.measure_highest_frequency() == pytest.approx(5 / 6 / 0.5)


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize(
    ("agreement", "agreement_if_aligned", "frequency", "is_aligned"),
    [
        (0.7, 0.64, 2.1, False),
        (0.7, 0.66, 2.1, True),
        (0.7, 0.64, 1.9, True),
        (0.6, 0.7, 2.1, True),
    ],
)
def test_equal_frequencies_are_refused_if_the_networks_then_agree_less(
    monkeypatch: pytest.MonkeyPatch,
    agreement: float,
    agreement_if_aligned: float,
    frequency: float,
    is_aligned: bool,
) -> None:
    monkeypatch.setattr(
        _Attempt,
        "measure_agreement",
        lambda attempt: agreement_if_aligned if attempt.is_aligned else agreement,
    )
    monkeypatch.setattr(_Attempt, "measure_highest_frequency", lambda attempt: frequency)
    images, texts = build_split(120, 1).images, ("00", "00", "01")
    attempts = [build_attempt(images, *texts, is_aligned=aligned) for aligned in (False, True)]

    assert _choose_attempt(*attempts).is_aligned == is_aligned


@pytest.mark.usefixtures("short")
def test_predictions_are_weighted() -> None:
    recogniser = build_recogniser("compact", SPEC)  # random weights: no certain prediction
    images = build_split(20, 1).images[:]
    for weights, text in (((1e6, 1), "00"), ((1, 1e6), "11")):
        trained = SelfTrained(recogniser, SPEC, np.array(weights, np.float32))
        assert predict_texts_of(trained, images) == [text] * 20


@pytest.mark.usefixtures("short")
def test_of_many_images_a_sample_is_trained_on_and_all_are_predicted(
    splits: list[Split], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_training, "MAX_IMAGES", 60)
    images = build_split(150, 1).images[:]

    trained = self_train(SPEC, images, 1, lambda steps: None)

    assert [len(split) for split in splits] == [5] * 6 + [10] * 3
    monkeypatch.setattr(accuracy, "EVALUATION_BATCH_SIZE", 60)
    predictions = predict_restricted(trained.predict, SPEC, SPEC, images)
    assert len(predictions.character_probabilities) == 150
    whole = predict_texts(trained.predict(images), SPEC, Restriction.from_spec(SPEC))
    assert predictions.texts == whole.texts
    assert predictions.confidences == pytest.approx(whole.confidences)


@pytest.mark.usefixtures("short")
def test_the_result_is_the_mean_of_the_networks() -> None:
    attempt = build_attempt(build_split(120, 1).images, "01", "01", "01")
    attempt._networks = [
        replace(network, weights=[np.full_like(weights, value) for weights in network.weights])
        for network, value in zip(attempt._networks, (1, 2, 6), strict=True)
    ]

    trained = attempt.build_result()

    assert all((weights == 3).all() for weights in trained.recogniser.get_weights())


@pytest.mark.slow
def test_a_design_that_the_bundled_model_hardly_reads_is_learned_without_labels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(self_training, "STEPS_PER_ROUND", 22)
    (design,) = (design for design in DESIGNS if design.name == "inverted_checks")
    spec = CaptchaSpec(design.charset, design.max_length, min_length=design.min_length)
    texts = design.draw_texts(400, seed=1)
    pictures = [
        inverted_checks.draw(text, [str(FONT)], random.Random(i)) for i, text in enumerate(texts)
    ]
    images = np.stack([fit_size(to_grey(picture), spec) for picture in pictures])
    bundled = build_initialised(TrainingConfig(), spec)

    trained = self_train(spec, images, 1, lambda steps: None)

    results = (SelfTrained(bundled, spec, np.ones(spec.classes, np.float32)), trained)
    before, after = (
        np.mean([a == b for a, b in zip(predict_texts_of(result, images), texts, strict=True)])
        for result in results
    )
    assert after > before + 0.15
