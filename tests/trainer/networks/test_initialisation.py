"""A published version is built again with its network, its weights and its size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.artifacts import publish
from shared.bundled_model import BUNDLED_DIR
from shared.spec import CaptchaSpec
from tests.shared.sample_manifest import sample_draft
from trainer.config import TrainingConfig
from trainer.errors import TrainingError
from trainer.networks import build_recogniser
from trainer.networks.initialisation import build_from_version, build_initialised
from trainer.networks.tta import add_test_time_augmentation
from trainer.publishing.export import export, load_exported

SPEC = CaptchaSpec("ab", 3, 64, 32)
IMAGES = np.random.default_rng(1).integers(256, size=(3, 32, 64), dtype=np.uint8)


def publish_network(directory: Path, recogniser: Any, **config: Any) -> Path:
    exported = directory / "exported"
    export(recogniser, SPEC, exported)
    draft = sample_draft(spec=SPEC.to_dict(), config=config)
    models = directory / "captcha"
    return models / str(publish(exported, models, draft))


def test_a_version_is_built_with_its_own_network(tmp_path: Path) -> None:
    version = publish_network(
        tmp_path, build_recogniser("compact", SPEC), network="compact", init="scratch"
    )
    expected = load_exported(version)(IMAGES)

    same = build_from_version(version, SPEC)
    assert same(IMAGES).numpy() == pytest.approx(expected, abs=1e-6)

    larger = build_from_version(version, replace(SPEC, width=128, height=64))
    doubled = IMAGES.repeat(2, axis=1).repeat(2, axis=2)
    assert larger(doubled).numpy() == pytest.approx(expected, abs=1e-5)


def test_a_version_with_the_size_of_the_bundled_model_keeps_it(tmp_path: Path) -> None:
    trained = build_initialised(TrainingConfig(), SPEC)
    version = publish_network(tmp_path, trained, network="medium", init="bundled")

    same = build_from_version(version, SPEC)

    assert same(IMAGES).numpy() == pytest.approx(load_exported(version)(IMAGES), abs=1e-6)


def test_views_of_a_version_are_left_out(tmp_path: Path) -> None:
    recogniser = build_recogniser("compact", SPEC)
    views = add_test_time_augmentation(recogniser, 3)
    version = publish_network(tmp_path, views, network="compact", init="scratch")

    one_view = build_from_version(version, SPEC)

    assert one_view(IMAGES).numpy() == pytest.approx(recogniser(IMAGES).numpy(), abs=1e-6)


@pytest.mark.parametrize("network", ["course", "large", None])
def test_other_networks_are_an_error(tmp_path: Path, network: str | None) -> None:
    version = publish_network(tmp_path, build_recogniser("compact", SPEC), network=network)
    message = f"version 1 has the network {network}, which this release cannot train further"
    with pytest.raises(TrainingError, match=message):
        build_from_version(version, SPEC)


def test_another_network_than_that_of_the_bundled_model_is_an_error() -> None:
    config = TrainingConfig(network="compact")
    with pytest.raises(TrainingError, match=f"version {BUNDLED_DIR.name} has the network medium"):
        build_initialised(config, SPEC)
