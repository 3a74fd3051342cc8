from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from inference_service.engines import LOADERS
from shared.artifacts import verify
from shared.spec import CaptchaSpec
from tests.conftest import CAPTCHAS, SMALL, SPEC
from trainer.client import Source
from trainer.config import TrainingConfig
from trainer.dataset import Split, Splits
from trainer.evaluation import evaluate
from trainer.export import load_exported
from trainer.networks import NETWORKS
from trainer.presets import COURSE
from trainer.training import train_and_evaluate
from trainer.watch import TrainingError


def test_a_short_training_reads_most_captchas(models: Path) -> None:
    metrics = verify(models / "1").metrics
    assert metrics["accuracy"] > 0.6
    low, high = metrics["accuracy_interval_95"]
    assert low < metrics["accuracy"] < high
    assert metrics["n"] == SMALL.test_captchas
    assert metrics["character_accuracy"] > metrics["accuracy"]


def test_the_manifest_claims_what_the_exported_model_does(models: Path, splits: Splits) -> None:
    measured = evaluate(load_exported(models / "1"), splits.test, SPEC)
    assert measured.accuracy == verify(models / "1").metrics["accuracy"]


def test_everything_that_belongs_to_a_version_is_there(models: Path) -> None:
    manifest = verify(models / "1")
    pictures = {"curves.png", "gallery.png", "confusions.png"}
    if shutil.which("dot"):
        pictures.add("network.png")
    assert pictures | {"saved_model.pb", "history.csv"} <= set(manifest.files)
    for picture in pictures:
        with Image.open(models / "1" / picture) as image:
            assert image.width > 300
    assert manifest.config == json.loads(json.dumps(SMALL.to_dict()))
    assert manifest.libraries["tensorflow"].startswith("2.")


def test_the_history_has_a_row_per_epoch(models: Path) -> None:
    with (models / "1" / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["pass"] for row in rows] == ["1", "2", "3"]
    names = {"loss", "val_loss", "captcha_accuracy", "val_captcha_accuracy", "learning_rate"}
    assert names <= set(rows[0])
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    # Warm-up and decay: the last epoch ends at a fraction of the highest rate.
    assert float(rows[-1]["learning_rate"]) < 0.1 * SMALL.learning_rate


def test_the_splits_share_no_captcha(splits: Splits) -> None:
    digests = [
        {image.tobytes() for image in split.images}
        for split in (splits.train, splits.validation, splits.test)
    ]
    assert [len(d) for d in digests] == [6_000, 200, 200]
    assert len(set().union(*digests)) == 6_400


def test_the_course_recipe_is_trained_published_and_read_alike_by_both_engines(
    source: Source, splits: Splits, tmp_path: Path
) -> None:
    few = {
        name: dataclasses.replace(split, images=split.images[:200], labels=split.labels[:200])
        for name, split in vars(splits).items()
    }
    config = TrainingConfig(
        **COURSE | {"captchas": 200, "epochs": 1, "validation_captchas": 200, "test_captchas": 200}
    )
    artifact = train_and_evaluate(
        config, source, CAPTCHAS, Splits(**few), tmp_path / "run", tmp_path, io.StringIO()
    )
    assert artifact.draft.metrics["parameters"] == 1_292_744
    engines = [load(tmp_path, SPEC, threads=1) for load in LOADERS.values()]
    answers = [engine.predict(splits.test.images[:20]) for engine in engines]
    assert answers[0].shape == (20, 4, 10)
    assert np.abs(answers[0] - answers[1]).max() < 1e-4


def test_what_is_published_looks_as_often_as_asked(
    source: Source, splits: Splits, tmp_path: Path
) -> None:
    few = Splits(*(Split(s.images[:200], s.labels[:200]) for s in vars(splits).values()))
    config = dataclasses.replace(SMALL, captchas=200, epochs=1, looks=2)
    answers = []
    for looks in (2, 1):  # the second goes on from the end of the first: the same weights
        (workdir := tmp_path / str(looks)).mkdir()
        looking = dataclasses.replace(config, looks=looks)
        train_and_evaluate(looking, source, CAPTCHAS, few, tmp_path / "run", workdir, io.StringIO())
        answers.append(load_exported(workdir))
    twice, once = answers
    images = splits.test.images[:20]
    moved = np.concatenate([images[:, :, 3:], images[:, :, -1:].repeat(3, axis=2)], axis=2)
    mean = np.sqrt(once(images) * once(moved))
    mean /= mean.sum(axis=-1, keepdims=True)
    assert np.abs(twice(images) - mean).max() < 1e-4
    assert np.abs(twice(images) - once(images)).max() > 1e-3


def build_divided_by_zero(spec: CaptchaSpec) -> keras.Model:
    inputs = keras.layers.Input((spec.height, spec.width, 1))
    x = keras.layers.Dense(spec.length * spec.classes)(keras.layers.Flatten()(inputs))
    return keras.Model(inputs, keras.layers.Rescaling(math.inf)(x) * 0.0)


def test_a_loss_that_is_no_number_ends_with_a_sentence(
    source: Source, splits: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NETWORKS, "compact", build_divided_by_zero)
    config = dataclasses.replace(SMALL, learning_rate=0.5)
    with pytest.raises(TrainingError, match=r"the loss became nan: the learning rate 0\.5"):
        train_and_evaluate(
            config, source, CAPTCHAS, splits, tmp_path / "run", tmp_path, io.StringIO()
        )
