"""The paths are those of the real optimizers."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from tests.conftest import SPEC
from tests.trainer.course.illustrations.generator import build_workspace, check_figure
from trainer.course.illustrations.loss_surfaces import OPTIMIZERS, SURFACES, Surface, trace
from trainer.course.illustrations.optimizer_paths import draw_optimizer_paths


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.title)
def test_the_gradient_is_the_slope_of_the_loss(surface: Surface) -> None:
    for point in np.array([[0.5, -0.4], [-1.5, 1.2], [0.0, 2.0]]):
        steps = 1e-5 * np.eye(2)
        slopes = [(surface.loss(point + s) - surface.loss(point - s)) / 2e-5 for s in steps]
        assert surface.gradient(point) == pytest.approx(np.array(slopes), abs=1e-6)
        assert surface.gradient(np.zeros(2)) == pytest.approx(np.zeros(2))


def test_a_path_of_sgd_is_the_one_computed_by_hand() -> None:
    surface = SURFACES[0]
    path = trace(keras.optimizers.SGD(0.5), surface)
    assert len(path) == surface.steps + 1
    point = np.array(surface.start)
    for found in path[:5]:
        assert found == pytest.approx(point, rel=1e-5)
        point = point - 0.5 * surface.gradient(point)


def test_a_path_of_momentum_is_the_one_computed_by_hand() -> None:
    surface = SURFACES[0]
    point, velocity = np.array(surface.start), np.zeros(2)
    for found in trace(keras.optimizers.SGD(0.1, 0.9), surface)[:5]:
        assert found == pytest.approx(point, rel=1e-5)
        velocity = 0.9 * velocity - 0.1 * surface.gradient(point)
        point = point + velocity


@pytest.mark.slow
def test_every_path_stays_in_its_panel_and_descends() -> None:
    for i, surface in enumerate(SURFACES):
        left, right, bottom, top = surface.limits
        for optimizer in OPTIMIZERS:
            path = trace(optimizer.create(optimizer.rates[i]), surface)
            assert ((left <= path[:, 0]) & (path[:, 0] <= right)).all(), optimizer.name
            assert ((bottom <= path[:, 1]) & (path[:, 1] <= top)).all(), optimizer.name
            losses = surface.loss(path)
            assert losses[-1] < losses[0] - 3, optimizer.name


@pytest.mark.slow
def test_a_figure_and_an_animation_are_drawn(tmp_path: Path) -> None:
    workspace, _ = build_workspace(tmp_path, SPEC)
    figure, animation = draw_optimizer_paths(workspace)
    check_figure(figure)
    with Image.open(animation) as image:
        assert image.format == "GIF"
        assert image.n_frames > 20
    assert animation.stat().st_size < 300_000
