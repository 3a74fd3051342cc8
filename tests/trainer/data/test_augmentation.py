"""Augmentation: ranges, independence, exposed areas and reproducibility."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from trainer.data.augmentation import augment, shift
from trainer.data.splits import Split

Floats = npt.NDArray[np.float64]
Plane = tuple[Floats, Floats, Floats, Floats]

HEIGHT, WIDTH = 64, 96
COUNT = 400
# Where every augmented image shows a part of the original one.
ROWS, COLUMNS = np.mgrid[26:38, 36:60]
SHIFT_X_PX, SHIFT_Y_PX = 2, 3
SMOOTH_SEED = 3  # bilinear interpolation, which can be measured more accurately


def seed(number: int) -> tf.Tensor:
    return tf.constant([1, number], tf.int64)


def repeat(image: npt.ArrayLike, count: int = COUNT) -> npt.NDArray[np.uint8]:
    return np.repeat(np.array(image, np.uint8)[np.newaxis], count, axis=0)


@dataclass(frozen=True)
class Augmentation:
    """What `augment` does to each image of a batch, measured. All arrays have one value per image.

    `shift_x` and `shift_y` are fractions of the largest shift, and `stroke` is in pixels.
    """

    scale_x: Floats
    scale_y: Floats
    shear_x: Floats
    shear_y: Floats
    shift_x: Floats
    shift_y: Floats
    stroke: Floats
    contrast: Floats
    offset: Floats
    roughness: Floats

    @property
    def parameters(self) -> Floats:
        """All but the roughness, (parameters, images)."""
        return np.array(list(vars(self).values())[:-1])


def fit_plane(images: Floats) -> Plane:
    """Return slope in x, slope in y, value at the centre, and deviation of each image."""
    x, y = COLUMNS.ravel() - WIDTH / 2, ROWS.ravel() - HEIGHT / 2
    values = images[:, ROWS, COLUMNS].reshape(len(images), -1).T
    terms = np.stack([x, y, np.ones_like(x)], axis=1)
    (slope_x, slope_y, centre), *_ = np.linalg.lstsq(terms, values, rcond=None)
    deviation = (values - terms @ np.array([slope_x, slope_y, centre])).std(axis=0)
    return slope_x, slope_y, centre, deviation


def frame(image: npt.ArrayLike, background: int) -> npt.NDArray[np.int64]:
    """Return an image whose edges have the brightness of the background."""
    framed = np.array(image, np.int64)
    framed[[0, -1]] = framed[:, [0, -1]] = background
    return framed


@cache
def measure(number: int) -> Augmentation:
    """Augment images with the same random numbers and compute these from the results.

    A gradient stays one when it is transformed, and its slopes and its value at the centre show
    how. Dilation moves it one way and erosion the other way.
    """
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    dark = frame(np.full((HEIGHT, WIDTH), 100), 200)

    def apply(image: npt.ArrayLike) -> Floats:
        result = augment(tf.constant(repeat(image)), seed(number), SHIFT_X_PX, SHIFT_Y_PX)
        # The conversion to integers rounds down.
        return result.numpy().astype(float) + 0.5

    plain = apply(np.full((HEIGHT, WIDTH), 200))[:, HEIGHT // 2, WIDTH // 2]
    offset, contrast = plain - 200, (plain - apply(dark)[:, HEIGHT // 2, WIDTH // 2]) / 100

    def foreground(pixels: npt.ArrayLike, slope: int) -> Plane:
        """Return the foreground of a gradient from 0 on, without its slope."""
        background = 255 + offset
        gradient = frame(255 - slope * np.array(pixels), 255)
        values = background[:, np.newaxis, np.newaxis] - apply(gradient)
        return fit_plane(values / contrast[:, np.newaxis, np.newaxis] / slope)

    def combine(there: Plane, back: Plane, size: int) -> tuple[Floats, Floats]:
        """Return the old position of the centre in pixels, and the stroke width."""
        slope_x, slope_y, centre, _ = there
        stroke = (centre + back[2] - (size - 1)) / (np.abs(slope_x) + np.abs(slope_y))
        moved = np.abs(stroke) * (slope_x + slope_y)
        return (centre - back[2] + size - 1 - moved) / 2, stroke

    right, down = foreground(x, 2), foreground(y, 3)
    centre_x, stroke_x = combine(right, foreground(WIDTH - 1 - x, 2), WIDTH)
    centre_y, stroke_y = combine(down, foreground(HEIGHT - 1 - y, 3), HEIGHT)
    scale_x, shear_x, _, roughness = right
    shear_y, scale_y, *_ = down
    range_x = 3 * SHIFT_X_PX + np.maximum(scale_x - 1, 0) * WIDTH / 2
    range_y = SHIFT_Y_PX + np.maximum(scale_y - 1, 0) * HEIGHT / 2
    return Augmentation(
        scale_x=scale_x,
        scale_y=scale_y,
        shear_x=shear_x,
        shear_y=shear_y,
        shift_x=(centre_x - WIDTH / 2) / range_x,
        shift_y=(centre_y - HEIGHT / 2) / range_y,
        stroke=(stroke_x + stroke_y) / 2,
        contrast=contrast,
        offset=offset,
        roughness=roughness,
    )


@pytest.mark.parametrize(
    ("parameter", "low", "high", "tolerance"),
    [
        ("scale_x", 1 / 1.18, 1 / 0.8, 0.015),
        ("scale_y", 1 / 1.14, 1 / 0.65, 0.02),
        ("shear_x", -0.08, 0.08, 0.005),
        ("shear_y", -0.08, 0.08, 0.005),
        ("shift_x", -1.0, 1.0, 0.05),
        ("shift_y", -1.0, 1.0, 0.05),
        ("contrast", 0.75, 1.25, 0.01),
        ("offset", -9.5, 4.5, 0.0),
    ],
)
def test_each_parameter_is_uniform_within_its_range(
    parameter: str, low: float, high: float, tolerance: float
) -> None:
    values = getattr(measure(SMOOTH_SEED), parameter)
    assert values.min() == pytest.approx(low, abs=tolerance)
    assert values.max() == pytest.approx(high, abs=tolerance)
    assert values.mean() == pytest.approx((low + high) / 2, abs=0.06 * (high - low))
    assert values.std() == pytest.approx((high - low) / np.sqrt(12), rel=0.08)


def test_strokes_become_up_to_one_pixel_thinner_or_0_6_pixels_wider() -> None:
    stroke = measure(SMOOTH_SEED).stroke
    assert stroke.mean() == pytest.approx(-0.2, abs=0.06)
    assert stroke.std() == pytest.approx(1.6 / np.sqrt(12), abs=0.06)
    assert stroke.min() == pytest.approx(-1.0, abs=0.3)
    assert stroke.max() == pytest.approx(0.6, abs=0.35)


def test_the_parameters_of_an_image_are_independent() -> None:
    correlations = np.corrcoef(measure(SMOOTH_SEED).parameters)
    assert np.abs(correlations - np.eye(len(correlations))).max() < 0.2


def test_about_half_of_the_batches_are_interpolated_to_the_nearest_pixel() -> None:
    x = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))[0]
    gradient = tf.constant(repeat(255 - 2 * x, 8))
    nearest = 0
    for number in range(60):
        values = augment(gradient, seed(number), 0, 0).numpy().astype(float)
        nearest += fit_plane(values)[3].mean() > 0.45
    assert 20 < nearest < 40


def test_the_exposed_areas_have_the_background_colour() -> None:
    plain = augment(tf.constant(repeat(np.full((HEIGHT, WIDTH), 200), 50)), seed(1), 9, 9).numpy()
    values = plain[:, :1, :1]
    assert (plain == values).all()
    # The brightest pixel is not the background.
    image = np.full((HEIGHT, WIDTH), 100)
    image[:, : WIDTH // 2] = 200
    image[30, 70] = 255
    result = augment(tf.constant(repeat(image, 50)), seed(1), 9, 9).numpy()
    assert (result > values).sum(axis=(1, 2)).max() <= 16
    assert ((result == values).sum(axis=(1, 2)) > HEIGHT * WIDTH / 5).all()


def test_grey_levels_are_clipped() -> None:
    white = augment(tf.constant(repeat(np.full((HEIGHT, WIDTH), 255))), seed(1), 0, 0).numpy()
    assert white.min() == 245
    assert white.max() == 255
    dark = np.zeros((HEIGHT, WIDTH))
    dark[:8, :8] = 255
    black = augment(tf.constant(repeat(dark)), seed(1), 0, 0).numpy()
    assert black[:, HEIGHT // 2, WIDTH // 2].min() == 0
    assert black[:, HEIGHT // 2, WIDTH // 2].max() < 70


def test_each_captcha_is_augmented_on_its_own_and_stays_legible(captchas: Split) -> None:
    same = repeat(captchas.images[:1][0], 200)
    augmented = np.concatenate(
        [augment(tf.constant(same), seed(number), 4, 4).numpy() for number in range(4)]
    )
    assert augmented.dtype == np.uint8
    assert augmented.shape == (800, 60, 160)
    assert len({image.tobytes() for image in augmented}) == 800
    background = np.median(augmented, axis=(1, 2))
    foreground = (augmented < background[:, np.newaxis, np.newaxis] - 20).mean(axis=(1, 2))
    before = (same[0] < np.median(same[0]) - 20).mean()
    assert (background > 220).all()
    # Strokes are thinner or wider and text is paler or darker, but never missing.
    assert 0.2 * before < foreground.min() < 0.7 * before
    assert 1.2 * before < foreground.max() < 2.5 * before


@pytest.mark.parametrize("function", [augment, shift])
def test_equal_seeds_give_equal_results(function: Any, captchas: Split) -> None:
    images = tf.constant(captchas.images[:20])
    first = function(images, seed(1), 4, 4).numpy()
    assert np.array_equal(function(images, seed(1), 4, 4).numpy(), first)
    assert not np.array_equal(function(images, seed(2), 4, 4).numpy(), first)


def test_a_batch_is_shifted_by_up_to_the_maximum_in_each_direction() -> None:
    dot = np.full((2, 30, 40), 255, np.uint8)
    dot[0, 15, 20] = dot[1, 10, 10] = 0
    offsets = set()
    for number in range(400):
        shifted = shift(tf.constant(dot), seed(number), 3, 1).numpy()
        (_, y, x), (_, other_y, other_x) = np.argwhere(shifted == 0).tolist()
        offsets.add((y - 15, x - 20))
        assert (other_y - 10, other_x - 10) == (y - 15, x - 20)
    assert offsets == {(down, right) for down in range(-1, 2) for right in range(-3, 4)}


def test_the_exposed_area_of_a_shift_is_mirrored() -> None:
    y, x = np.mgrid[0:10, 0:20]
    image = (10 * y + x).astype(np.uint8)
    padded = np.pad(image, ((2, 2), (3, 3)), "symmetric")
    expected = {
        padded[top : top + 10, left : left + 20].tobytes() for top in range(5) for left in range(7)
    }
    results = {
        shift(tf.constant(image[np.newaxis]), seed(n), 3, 2).numpy().tobytes() for n in range(400)
    }
    assert results == expected


def test_a_shift_of_zero_changes_nothing(captchas: Split) -> None:
    images = captchas.images[:5]
    result = shift(tf.constant(images), seed(1), 0, 0)
    assert result.dtype == tf.uint8
    assert np.array_equal(result.numpy(), images)
