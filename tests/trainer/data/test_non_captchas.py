"""Images without a captcha: every kind, reproducible, of the size of the captchas."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.data.non_captchas import draw_non_captchas


def draw(count: int, seed: int = 0, size: tuple[int, int] = (60, 160)) -> np.ndarray:
    captchas = np.random.default_rng(9).integers(256, size=(3, *size), dtype=np.uint8)
    return draw_non_captchas(count, captchas, np.random.default_rng(seed))


def test_the_same_seed_draws_the_same_images_and_another_seed_others() -> None:
    images = draw(24)
    assert images.shape == (24, 60, 160)
    assert images.dtype == np.uint8
    assert np.array_equal(images, draw(24))
    assert not np.array_equal(images, draw(24, seed=1))


def test_the_images_differ_in_brightness_and_contrast() -> None:
    images = draw(60).astype(float)
    means, deviations = images.mean(axis=(1, 2)), images.std(axis=(1, 2))
    assert means.min() < 80
    assert means.max() > 170
    assert deviations.min() < 10
    assert deviations.max() > 60


@pytest.mark.parametrize("size", [(16, 16), (35, 90), (100, 1000)])
def test_any_size_of_captchas_is_drawn(size: tuple[int, int]) -> None:
    assert draw(12, size=size).shape == (12, *size)


def test_a_captcha_that_is_cut_into_tiles_keeps_its_pixels_but_not_their_places() -> None:
    captcha = np.arange(60 * 160, dtype=np.uint32).reshape(1, 60, 160) // 38
    captchas = captcha.astype(np.uint8)
    images = draw_non_captchas(6, captchas, np.random.default_rng(3))
    shuffled = images[5]
    if shuffled.mean() > 200:
        shuffled = 255 - shuffled
    inside = np.s_[:60, :156]  # six columns of 26 pixels; the rest is not moved
    candidates = (np.sort(shuffled[inside], None), np.sort(255 - shuffled[inside], None))
    original = np.sort(captchas[0][inside], None)
    assert any(np.array_equal(one, original) for one in candidates)
    assert not np.array_equal(shuffled, captchas[0])
