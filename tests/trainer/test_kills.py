"""A trainer that is killed at any moment leaves valid versions and resumes as if it was not."""

from __future__ import annotations

import multiprocessing
import random
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import httpx
import pytest

from generator_service.rendering.dataset_batches import render_png_batch
from generator_service.rendering.render_options import RenderOptions
from shared.captchas.spec import CaptchaSpec
from shared.versions.artifacts import list_versions, verify
from shared.versions.manifest import Manifest
from tests.trainer.conftest import change
from trainer.config import TrainingConfig
from trainer.data.generator_client import GeneratorClient
from trainer.pipeline import Workspace, run

KILLS = 12
TIMEOUT_S = 120
SPEC = CaptchaSpec("01", length=2, width=64, height=32)
# On a folder of images alone, so that no time is spent on requests.
CONFIG = TrainingConfig(
    network="compact",
    init="scratch",
    captchas=0,
    folder_epoch_captchas=4_800,
    epochs=6,
    batch_size=100,
    schedule="adaptive",
    augment_fraction=0.5,
    hard_example_fraction=0.5,
    publish_worse=True,
)


def train(directory: Path, images: Path, config: TrainingConfig) -> None:
    """Run the pipeline with a network that is built and exported in a moment."""
    import keras
    from keras import layers

    from trainer.networks import NETWORKS
    from trainer.publishing import pruning

    def build_tiny(spec: CaptchaSpec) -> keras.Model:
        inputs = layers.Input((spec.height, spec.width, 1))
        x = layers.Dropout(0.1)(layers.Flatten()(layers.AveragePooling2D(8)(inputs)))
        x = layers.Dense(spec.length * spec.classes)(layers.BatchNormalization()(x))
        return keras.Model(inputs, layers.Softmax()(layers.Reshape((spec.length, -1))(x)))

    NETWORKS["compact"] = build_tiny
    pruning.KEPT_VERSIONS = 1_000  # the test compares all of them
    client = GeneratorClient(httpx.Client(), directory / "data")
    run(config, images, Workspace(directory / "models", directory / "runs"), client, 10.0)


def verify_all(directory: Path) -> list[Manifest]:
    models = directory / "models"
    return [verify(models / str(version)) for version in list_versions(models)]


@pytest.mark.slow
def test_a_training_killed_at_random_moments_publishes_what_an_unkilled_one_does(
    tmp_path: Path,
) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for index, (text, png) in enumerate(render_png_batch(SPEC, RenderOptions(), 1, 0, 300)):
        (images / f"{text}_{index}.png").write_bytes(png)
    # A server that has imported TensorFlow starts each trainer at once.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["trainer.training.fit", "tests.trainer.test_kills"])

    def start(directory: Path, seed: int) -> ForkServerProcess:
        config = change(CONFIG, seed=seed)
        process = context.Process(target=train, args=(directory, images, config))
        process.start()
        return process

    def finish(directory: Path, seed: int) -> None:
        process = start(directory, seed)
        process.join(TIMEOUT_S)
        assert process.exitcode == 0

    unkilled, killed = tmp_path / "unkilled", tmp_path / "killed"
    finish(unkilled, seed=1)
    started = time.monotonic()
    finish(unkilled, seed=2)  # without the start of the server
    duration_s = time.monotonic() - started

    rng = random.Random(1)
    kills, seed = 0, 1
    while kills < KILLS:
        process = start(killed, seed)
        process.join(rng.uniform(0.1, 0.9) * duration_s)
        if process.exitcode is None:
            process.kill()
            process.join()
            kills += 1
        else:
            assert process.exitcode == 0
            seed += 1  # this one is published: train another
        verify_all(killed)
    finish(killed, seed)

    manifests = verify_all(killed)
    assert [manifest.config["seed"] for manifest in manifests] == list(range(1, seed + 1))
    expected = verify_all(unkilled)[0]
    assert manifests[0].golden == expected.golden
    # The network predicts little correctly, but its errors and probabilities are its own.
    untimed = {"images_per_s": 0.0, "training_s": 0.0}
    assert manifests[0].metrics.model_copy(update=untimed) == expected.metrics.model_copy(
        update=untimed
    )
