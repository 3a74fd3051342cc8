"""Every network predicts probabilities for every spec."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from shared.captchas.spec import CaptchaSpec
from trainer.config import NetworkName
from trainer.networks import NETWORKS, build_recogniser
from trainer.networks.alexnet import build_alexnet
from trainer.networks.compact import build_compact
from trainer.networks.course import build_course
from trainer.networks.medium import build_medium
from trainer.networks.vgg import build_vgg
from trainer.networks.wide import build_wide

NAMES: tuple[NetworkName, ...] = get_args(NetworkName)


def test_every_network_of_the_config_can_be_built() -> None:
    assert {
        "compact": build_compact,
        "medium": build_medium,
        "wide": build_wide,
        "course": build_course,
        "alexnet": build_alexnet,
        "vgg": build_vgg,
    } == NETWORKS
    assert tuple(NETWORKS) == NAMES


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "spec",
    [CaptchaSpec("abc", 1, 90, 35), CaptchaSpec("01", 6, 128, 64, min_length=4)],
    ids=["odd size, one character", "four to six characters"],
)
def test_a_recogniser_predicts_probabilities_from_bytes(
    name: NetworkName, spec: CaptchaSpec
) -> None:
    recogniser = build_recogniser(name, spec)
    images = np.random.default_rng(0).integers(
        256, size=(2, spec.height, spec.width), dtype=np.uint8
    )
    probabilities = recogniser(images).numpy()
    assert probabilities.shape == (2, spec.length, spec.classes)
    assert probabilities.dtype == np.float32
    assert probabilities.sum(axis=-1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_recogniser_gives_the_network_pixels_from_0_to_1(name: NetworkName) -> None:
    spec = CaptchaSpec("01", 2, 32, 16)
    recogniser = build_recogniser(name, spec)
    assert recogniser.name == "recogniser"
    images = np.random.default_rng(0).integers(256, size=(2, 16, 32), dtype=np.uint8)
    expected = recogniser.get_layer(name)(images[..., np.newaxis] / np.float32(255)).numpy()
    assert recogniser(images).numpy() == pytest.approx(expected.reshape(2, 2, 2), rel=1e-5)


def test_the_course_network_has_the_parameters_and_layer_names_of_the_course() -> None:
    network = build_course(CaptchaSpec())
    assert network.count_params() == 1_292_744
    assert [layer.name for layer in network.layers][:9] == [
        "inputs",
        "conv1",
        "relu1",
        "conv2",
        "relu2",
        "pool2",
        "conv3",
        "relu3",
        "pool3",
    ]
    names = [layer.name for layer in network.layers if layer.name.startswith("fc")]
    assert names == ["fc1", "fc2", "fc3", "fc4"]
    assert network.input_shape == (None, 60, 160, 1)
    assert network.output_shape == (None, 40)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("compact", 141_722), ("wide", 597_546), ("alexnet", 1_827_864), ("vgg", 1_862_712)],
)
def test_our_networks_have_a_known_number_of_parameters(name: NetworkName, parameters: int) -> None:
    assert NETWORKS[name](CaptchaSpec()).count_params() == parameters


@pytest.mark.parametrize(("name", "convolutions"), [("alexnet", 5), ("vgg", 13)])
def test_a_published_network_has_its_layers(name: NetworkName, convolutions: int) -> None:
    names = [layer.name for layer in NETWORKS[name](CaptchaSpec()).layers]
    assert sum(layer.startswith("conv") for layer in names) == convolutions
    assert [layer for layer in names if layer.startswith("hidden")] == ["hidden6", "hidden7"]
