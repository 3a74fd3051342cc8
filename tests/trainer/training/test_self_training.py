"""Self-training: the most confident predictions become labels, in growing numbers."""

from __future__ import annotations

import random

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
from trainer.training.self_training import predict_images, self_train


def test_each_round_is_trained_on_more_predictions_of_the_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(self_training, "FRACTIONS", (0.25, 0.5))
    monkeypatch.setattr(self_training, "STEPS_PER_ROUND", 6)
    monkeypatch.setattr(self_training, "_STEPS_PER_EXECUTION", 3)
    splits: list[Split] = []
    all_batches: list[TrainingBatches] = []

    def note(split: Split, config: TrainingConfig) -> TrainingBatches:
        splits.append(split)
        all_batches.append(TrainingBatches(split, config))
        return all_batches[-1]

    monkeypatch.setattr(self_training, "TrainingBatches", note)
    recogniser = build_recogniser("compact", SPEC)
    monkeypatch.setattr(self_training, "build_initialised", lambda config, spec: recogniser)
    means = {v.path: v.numpy() for v in recogniser.variables if v.path.endswith("moving_mean")}
    weights = recogniser.get_weights()
    images, reports = build_split(128, 1).images, list[int]()

    trained = self_train(SPEC, images, 1, reports.append)

    assert trained is recogniser
    assert [len(split) for split in splits] == [32, 64]
    assert [len(batches.dataset) for batches in all_batches] == [6, 6]
    assert reports == [3, 6, 9, 12]
    assert any((a != b).any() for a, b in zip(weights, recogniser.get_weights(), strict=True))
    assert means
    for variable in recogniser.variables:
        if variable.path in means:
            assert np.array_equal(variable.numpy(), means[variable.path])


def test_images_are_predicted_within_the_spec() -> None:
    predictions = predict_images(build_recogniser("compact", SPEC), SPEC, build_split(9, 1).images)
    assert len(predictions.texts) == len(predictions.confidences) == 9
    assert all(len(text) == 2 and set(text) <= set("01") for text in predictions.texts)


@pytest.mark.slow
def test_a_design_that_the_bundled_model_hardly_reads_is_learned_without_labels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(self_training, "STEPS_PER_ROUND", 80)
    monkeypatch.setattr(self_training, "STEPS", 400)
    (design,) = (design for design in DESIGNS if design.name == "inverted_checks")
    spec = CaptchaSpec(design.charset, design.max_length, min_length=design.min_length)
    texts = design.draw_texts(400, seed=1)
    pictures = [
        inverted_checks.draw(text, [str(FONT)], random.Random(i)) for i, text in enumerate(texts)
    ]
    images = np.stack([fit_size(to_grey(picture), spec) for picture in pictures])
    bundled = build_initialised(TrainingConfig(), spec)

    trained = self_train(spec, images, 1, lambda steps: None)

    before, after = (
        np.mean([a == b for a, b in zip(predict_images(m, spec, images).texts, texts, strict=True)])
        for m in (bundled, trained)
    )
    assert after > before + 0.15
