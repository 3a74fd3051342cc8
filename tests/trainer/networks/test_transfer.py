"""Weights of a version are taken over by a network for other captchas."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from shared.captchas.spec import CaptchaSpec
from trainer.errors import TrainingError
from trainer.networks import build_recogniser
from trainer.networks.transfer import read_weights, transfer_weights
from trainer.publishing.export import export

SOURCE = CaptchaSpec("ABC12", 4, 48, 24, min_length=2)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """Return a network with random weights, and its export."""
    recogniser = build_recogniser("medium", SOURCE)
    rng = np.random.default_rng(0)
    for variable in recogniser.variables:
        # Small ones, so that no probability is 0; batch normalisation needs positive variances.
        low, high = (0.5, 1.0) if "norm" in variable.path else (-0.1, 0.1)
        variable.assign(rng.uniform(low, high, variable.shape).astype(np.float32))
    directory = tmp_path_factory.mktemp("versions") / "0"
    export(recogniser, SOURCE, directory)
    return recogniser, directory


def manifest(spec: CaptchaSpec = SOURCE) -> Any:
    return SimpleNamespace(captcha_spec=spec, config={"network": "medium"})


def transfer(spec: CaptchaSpec, directory: Path) -> Any:
    recogniser = build_recogniser("medium", spec, (SOURCE.width, SOURCE.height))
    transfer_weights(recogniser, spec, directory, manifest())
    return recogniser


def test_the_weights_of_an_export_have_the_paths_of_their_variables(
    source: tuple[Any, Path],
) -> None:
    recogniser, directory = source
    weights = read_weights(directory)
    assert set(weights) == {variable.path for variable in recogniser.variables}
    for variable in recogniser.variables:
        assert np.array_equal(weights[variable.path], variable.numpy())


def test_a_network_for_the_same_captchas_predicts_the_same(source: tuple[Any, Path]) -> None:
    recogniser, directory = source
    images = np.random.default_rng(1).integers(256, size=(3, 24, 48), dtype=np.uint8)
    same = transfer(SOURCE, directory)
    assert same(images).numpy() == pytest.approx(recogniser(images).numpy(), abs=1e-6)


def test_fewer_characters_and_one_length_have_the_same_ratios(source: tuple[Any, Path]) -> None:
    recogniser, directory = source
    images = np.random.default_rng(1).integers(256, size=(3, 24, 48), dtype=np.uint8)
    few = transfer(replace(SOURCE, charset="2B", length=3, min_length=3), directory)
    probabilities = recogniser(images).numpy()[:, :3, [4, 1]]
    expected = probabilities / probabilities.sum(axis=-1, keepdims=True)
    assert few(images).numpy() == pytest.approx(expected, abs=1e-5)


def test_the_end_class_is_taken_over_by_another_range_of_lengths(
    source: tuple[Any, Path],
) -> None:
    recogniser, directory = source
    images = np.random.default_rng(1).integers(256, size=(3, 24, 48), dtype=np.uint8)
    other = transfer(replace(SOURCE, charset="21CBA", length=3, min_length=2), directory)
    expected = recogniser(images).numpy()[:, :3, [4, 3, 2, 1, 0, 5]]
    assert other(images).numpy() == pytest.approx(expected, abs=1e-5)


def test_new_characters_and_positions_keep_their_random_weights(
    source: tuple[Any, Path],
) -> None:
    _, directory = source
    spec = replace(SOURCE, charset="A#", length=6)
    untouched = build_recogniser("medium", spec)
    for variable in untouched.variables:
        variable.assign(np.full(variable.shape, 7, np.float32))
    transfer_weights(untouched, spec, directory, manifest())
    weights = read_weights(directory)
    classifier = next(v for v in untouched.variables if v.path == "characters/kernel").numpy()
    assert np.array_equal(classifier[:, 0], weights["characters/kernel"][:, 0])
    assert (classifier[:, 1] == 7).all()
    assert np.array_equal(classifier[:, 2], weights["characters/kernel"][:, 5])
    scores = next(v for v in untouched.variables if v.path == "scores/bias").numpy()
    assert np.array_equal(scores[: 4 * 12], weights["scores/bias"])
    assert (scores[4 * 12 :] == 7).all()


def test_images_of_another_size_are_scaled_to_the_size_of_the_version(
    source: tuple[Any, Path],
) -> None:
    recogniser, directory = source
    larger = transfer(replace(SOURCE, width=96, height=48), directory)
    images = np.random.default_rng(1).integers(256, size=(3, 24, 48), dtype=np.uint8)
    doubled = images.repeat(2, axis=1).repeat(2, axis=2)
    assert larger(doubled).numpy() == pytest.approx(recogniser(images).numpy(), abs=1e-4)


def test_another_network_is_an_error_that_names_the_setting(source: tuple[Any, Path]) -> None:
    _, directory = source
    recogniser = build_recogniser("compact", SOURCE)
    message = r"has the network medium without .*; choose this network, or set TRAIN_INIT=scratch"
    with pytest.raises(TrainingError, match=message):
        transfer_weights(recogniser, SOURCE, directory, manifest())


def test_the_same_network_for_another_size_is_an_error(source: tuple[Any, Path]) -> None:
    _, directory = source
    spec = replace(SOURCE, width=96)
    with pytest.raises(TrainingError, match=r"scores/kernel has shape"):
        transfer_weights(build_recogniser("medium", spec), spec, directory, manifest())
