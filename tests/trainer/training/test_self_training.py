"""Self-training: the most confident predictions become labels, in growing numbers."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from shared.images import fit_size, to_grey
from shared.spec import CaptchaSpec
from tests.benchmarks.designs.catalogue import DESIGNS
from tests.benchmarks.designs.conftest import FONT
from tests.benchmarks.designs.programs import inverted_checks
from tests.trainer.training.tiny_training import SPEC, build_split
from trainer.config import TrainingConfig
from trainer.data.batches import TrainingBatches
from trainer.data.splits import Split
from trainer.networks import build_recogniser
from trainer.networks.initialisation import build_initialised
from trainer.training import self_training
from trainer.training.self_training import SelfTrained, self_train


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rounds of six steps, with a small network from random weights."""
    monkeypatch.setattr(self_training, "FRACTIONS", (0.25, 0.5))
    monkeypatch.setattr(self_training, "STEPS_PER_ROUND", 6)
    monkeypatch.setattr(self_training, "_STEPS_PER_EXECUTION", 3)
    monkeypatch.setattr(
        self_training, "build_initialised", lambda config, spec: build_recogniser("compact", spec)
    )


@pytest.mark.usefixtures("short")
def test_each_round_is_trained_on_more_predictions_of_the_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    splits: list[Split] = []

    def note(split: Split, config: TrainingConfig) -> TrainingBatches:
        splits.append(split)
        return TrainingBatches(split, config)

    monkeypatch.setattr(self_training, "TrainingBatches", note)
    reports = list[int]()

    trained = self_train(SPEC, build_split(128, 1).images, 1, reports.append)

    assert [len(split) for split in splits] == [32, 32, 64]  # the first round twice
    assert sorted(set(reports)) == [3, 6, 9, 12, 15, 18]
    assert reports == sorted(reports)
    means = [v for v in trained.recogniser.variables if v.path.endswith("moving_mean")]
    assert means
    assert not any(v.numpy().any() for v in means)  # frozen: zero, as at the beginning


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("is_aligned", [False, True])
def test_the_more_confident_attempt_is_trained_further(
    monkeypatch: pytest.MonkeyPatch, is_aligned: bool
) -> None:
    monkeypatch.setattr(
        self_training._Attempt,
        "measure_confidence",
        lambda attempt: 0.7 if attempt.is_aligned == is_aligned else 0.6,
    )
    images = build_split(128, 1).images

    trained = self_train(SPEC, images, 1, lambda steps: None)

    assert np.array_equal(trained.weights, np.ones(SPEC.classes)) != is_aligned
    assert len(trained.predict(images).texts) == 128
    # A network of nearly random weights prefers a character.
    frequencies = trained.predict_probabilities(images).mean(axis=(0, 1))
    unweighted = replace(trained, weights=np.ones(SPEC.classes, np.float32))
    before = unweighted.predict_probabilities(images).mean(axis=(0, 1))
    assert (abs(frequencies[0] - 0.5) < abs(before[0] - 0.5)) == is_aligned


@pytest.mark.slow
def test_a_design_that_the_bundled_model_hardly_reads_is_learned_without_labels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(self_training, "STEPS_PER_ROUND", 80)
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
        np.mean([a == b for a, b in zip(result.predict(images).texts, texts, strict=True)])
        for result in results
    )
    assert after > before + 0.15
