from __future__ import annotations

import numpy as np
import pytest

from shared.spec import CaptchaSpec
from trainer.config import NETWORKS as NAMES
from trainer.networks import NETWORKS, build_course, build_recogniser


def test_the_course_network_has_the_course_parameters_and_layer_names() -> None:
    network = build_course(CaptchaSpec())
    assert network.count_params() == 1_292_744
    names = [layer.name for layer in network.layers]
    expected = [
        "inputs", "conv1", "relu1", "conv2", "relu2", "pool2", "conv3", "relu3", "pool3",
    ]  # fmt: skip
    assert names[: len(expected)] == expected
    assert [name for name in names if name.startswith("fc")] == ["fc1", "fc2", "fc3", "fc4"]
    assert network.input_shape == (None, 60, 160, 1)
    assert network.output_shape == (None, 40)


def test_every_network_named_in_the_settings_can_be_built() -> None:
    assert set(NETWORKS) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "spec",
    [CaptchaSpec(), CaptchaSpec("ABC", 1, 90, 35), CaptchaSpec("01", 6, 128, 64)],
    ids=["default", "odd size, one character", "six characters"],
)
def test_every_network_answers_probabilities_for_every_spec(name: str, spec: CaptchaSpec) -> None:
    recogniser = build_recogniser(name, spec)
    images = np.random.default_rng(0).integers(
        256, size=(2, spec.height, spec.width), dtype=np.uint8
    )
    answer = recogniser(images).numpy()
    assert answer.shape == (2, spec.length, spec.classes)
    assert answer.dtype == np.float32
    assert np.allclose(answer.sum(axis=-1), 1, atol=1e-5)


def test_the_compact_network_is_a_fraction_of_the_course_network() -> None:
    compact, course = (NETWORKS[name](CaptchaSpec()) for name in ("compact", "course"))
    assert compact.count_params() * 5 < course.count_params()
