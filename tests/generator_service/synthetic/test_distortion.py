from __future__ import annotations

import random

import numpy as np
import pytest
from PIL import Image

from generator_service.synthetic.distortion import _sample, degrade, warp
from generator_service.synthetic.options import SyntheticOptions

OPTIONS = SyntheticOptions()
SEEDS = range(40)


def draw_image(size: tuple[int, int] = (160, 60)) -> Image.Image:
    pixels = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), np.uint8)
    return Image.fromarray(pixels)


def test_without_a_warp_the_image_stays_the_same() -> None:
    image, options = draw_image(), SyntheticOptions(max_warp=0)
    assert all(warp(image, options, random.Random(seed)) is image for seed in SEEDS)


@pytest.mark.parametrize("size", [(10, 10), (160, 60), (16, 600)])
def test_a_warp_moves_pixels_without_new_ones(size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, (200, 100, 50))
    image.paste((0, 0, 0), (size[0] // 2, 0, size[0], size[1]))
    options = SyntheticOptions(max_warp=0.3)
    warped = [warp(image, options, random.Random(seed)) for seed in SEEDS]
    assert any(result.tobytes() != image.tobytes() for result in warped)
    for result in warped:
        assert result.size == size
        # Mixtures of the two colours: twice as much red as green, and four times as much as blue.
        red, green, blue = np.moveaxis(np.asarray(result).astype(int), 2, 0)
        assert red.max() <= 200
        assert np.abs(red - 2 * green).max() <= 2
        assert np.abs(red - 4 * blue).max() <= 4


def test_pixels_at_fractional_positions_are_interpolated_and_the_edge_is_repeated() -> None:
    pixels = np.zeros((3, 3, 3), np.uint8)
    pixels[1] = [[0, 10, 20], [100, 110, 120], [200, 210, 220]]
    y, x = np.full((1, 4), 1.0), np.array([[0.0, 0.25, 1.5, -7.0]])
    assert _sample(pixels, x, y)[0].tolist() == [
        [0, 10, 20], [25, 35, 45], [150, 160, 170], [0, 10, 20],
    ]  # fmt: skip
    half_a_row_up = _sample(pixels, np.array([[1.0]]), np.array([[0.5]]))
    assert half_a_row_up.tolist() == [[[50, 55, 60]]]


@pytest.mark.parametrize("size", [(10, 10), (160, 60), (16, 600)])
def test_a_degraded_image_keeps_its_size_and_mode(size: tuple[int, int]) -> None:
    image = draw_image(size)
    degraded = [degrade(image, OPTIONS, random.Random(seed)) for seed in SEEDS]
    assert {(result.size, result.mode) for result in degraded} == {(size, "RGB")}
    assert sum(result.tobytes() != image.tobytes() for result in degraded) > 20


def test_more_noise_changes_flat_images_more() -> None:
    def measure(max_noise: float) -> float:
        image, options = (
            Image.new("RGB", (160, 60), (128,) * 3),
            SyntheticOptions(max_noise=max_noise),
        )
        results = [degrade(image, options, random.Random(seed)) for seed in SEEDS]
        return float(np.mean([np.std(np.asarray(result)) for result in results]))

    assert measure(0) < 0.1
    assert 1 < measure(30) < measure(120)
