"""A trainer that is killed at any moment publishes nothing that does not verify."""

from __future__ import annotations

import dataclasses
import multiprocessing
import random
import time
from pathlib import Path

import httpx
import keras

from shared.artifacts import list_versions, verify
from shared.spec import CaptchaSpec
from tests.conftest import SMALL
from trainer.client import GeneratorClient
from trainer.config import TrainingConfig
from trainer.job import run

KILLS = 20
CONFIG = dataclasses.replace(
    SMALL,
    captchas=600, validation_captchas=100, test_captchas=100, epochs=6, batch_size=100,
    schedule="watchful", variation=0.5, min_accuracy=0.0,
)  # fmt: skip


def build_tiny(spec: CaptchaSpec) -> keras.Model:
    """Reads nothing well, and is built and exported in seconds."""
    inputs = keras.layers.Input((spec.height, spec.width, 1))
    x = keras.layers.AveragePooling2D(10)(inputs)
    x = keras.layers.Dropout(0.1)(keras.layers.Flatten()(x))
    x = keras.layers.Dense(spec.length * spec.classes)(x)
    x = keras.layers.Reshape((spec.length, spec.classes))(x)
    return keras.Model(inputs, keras.layers.Softmax()(x))


def train(url: str, directory: Path, config: TrainingConfig) -> None:
    from trainer.networks import NETWORKS

    NETWORKS["compact"] = build_tiny
    with httpx.Client(base_url=url) as http:
        client = GeneratorClient(http, directory / "data")
        run(config, directory / "models", directory / "data", client, 10.0)


def test_killed_at_random_it_never_publishes_what_does_not_verify_and_ends_as_if_unbroken(
    tmp_path: Path, generator: httpx.Client
) -> None:
    # A server that has imported TensorFlow already starts each trainer in no time.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["trainer.training", "tests.trainer.test_kills"])
    url = str(generator.base_url)

    def start(directory: Path, config: TrainingConfig) -> multiprocessing.Process:
        process = context.Process(target=train, args=(url, directory, config))
        process.start()
        return process

    unbroken = tmp_path / "unbroken"
    whole = start(unbroken, CONFIG)
    whole.join(120)
    assert whole.exitcode == 0
    began = time.monotonic()
    again = start(unbroken, dataclasses.replace(CONFIG, seed=2))
    again.join(120)
    duration_s = time.monotonic() - began

    broken = tmp_path / "broken"
    dice = random.Random(1)
    kills, seed = 0, CONFIG.seed
    while kills < KILLS:
        process = start(broken, dataclasses.replace(CONFIG, seed=seed))
        process.join(dice.uniform(0.1, 0.9) * duration_s)
        if process.exitcode is None:
            process.kill()
            process.join()
            kills += 1
        else:
            assert process.exitcode == 0
            seed += 1  # this one is published: on with another
        for version in list_versions(broken / "models"):
            verify(broken / "models" / str(version))

    last = start(broken, dataclasses.replace(CONFIG, seed=seed))
    last.join(120)
    assert last.exitcode == 0
    manifests = [verify(broken / "models" / str(v)) for v in list_versions(broken / "models")]
    assert [manifest.config["seed"] for manifest in manifests] == list(range(1, seed + 1))
    expected = verify(unbroken / "models" / "1")
    assert manifests[0].golden == expected.golden
    # It hardly reads anything, but what it confuses and its probabilities are its own.
    timed = {"images_per_s": 0.0, "train_s": 0.0}
    assert manifests[0].metrics | timed == expected.metrics | timed
