"""Filters and feature maps of the course's network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest

from shared.captchas.dataset_archive import Dataset
from shared.captchas.spec import CaptchaSpec
from tests.conftest import SPEC
from tests.trainer.course.illustrations.generator import RenderingClient, check_figure
from trainer.course.illustrations.features import (
    choose_channels,
    draw_features,
    find_feature_maps,
)
from trainer.course.workspace import CourseWorkspace
from trainer.data.dataset_requests import CaptchaSource, DatasetRequest
from trainer.networks import build_recogniser


class NoiseClient(RenderingClient):
    """Sends single captchas, and noise with random labels as a dataset."""

    def fetch(self, request: DatasetRequest) -> Iterator[Dataset]:
        rng = np.random.default_rng(request.seed)
        spec, count = request.source.spec, request.count
        images = rng.integers(256, size=(count, spec.height, spec.width), dtype=np.uint8)
        texts = ["".join(rng.choice(list(spec.charset), spec.length)) for _ in range(count)]
        yield Dataset(spec, "renderer", request.seed, request.start, images, texts)


def test_the_channels_that_vary_most_come_first() -> None:
    maps = np.zeros((4, 5, 3), np.float32)
    maps[0, 0] = [1, 0, 9]
    assert choose_channels(maps, 2) == [2, 0]
    assert choose_channels(np.ones((2, 2, 3), np.float32), 2) == [0, 1]


def test_feature_maps_are_what_the_layer_computes_from_pixels_from_0_to_1() -> None:
    keras.utils.set_random_seed(1)
    spec = CaptchaSpec("01", 2, 32, 16)
    recogniser = build_recogniser("course", spec)
    grey = np.random.default_rng(1).integers(256, size=(16, 32), dtype=np.uint8)
    maps = find_feature_maps(recogniser, "relu1", grey)
    assert maps.shape == (14, 30, 32)
    kernel, bias = recogniser.get_layer("course").get_layer("conv1").get_weights()
    response = (grey[2:5, 7:10, np.newaxis] / 255 * kernel[:, :, 0]).sum(axis=(0, 1)) + bias
    assert maps[2, 7] == pytest.approx(np.maximum(response, 0), abs=1e-5)


@pytest.mark.slow
def test_filters_and_feature_maps_are_drawn(tmp_path: Path) -> None:
    source = CaptchaSource(SPEC, {}, "renderer")
    client = NoiseClient(SPEC)
    workspace = CourseWorkspace(tmp_path, client, source, "tiny")  # type: ignore[arg-type]
    files = draw_features(workspace)
    assert [file.name for file in files] == ["filters.png", "feature-maps.png"]
    for file in files:
        check_figure(file)
    assert client.requests[0][1]["text"] == "6046"
