"""Images without a captcha, so that the model learns a low confidence for them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from shared.captchas.images import GreyImage

_TILES = (3, 6)  # rows and columns of a captcha that is cut into tiles


def draw_non_captchas(
    count: int, captchas: npt.NDArray[np.uint8], rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Return images that show no text: flat, noise, clouds, shapes, patterns, shuffled captchas.

    Args:
        count: number of images.
        captchas: captchas to cut up, uint8 (N, height, width).
        rng: source of random numbers.

    Returns:
        uint8 (count, height, width).
    """
    height, width = captchas.shape[1:]
    kinds: tuple[Callable[[], GreyImage], ...] = (
        lambda: _draw_flat(height, width, rng),
        lambda: _draw_noise(height, width, rng),
        lambda: _draw_clouds(height, width, rng),
        lambda: _draw_scene(height, width, rng),
        lambda: _draw_pattern(height, width, rng),
        lambda: _shuffle_tiles(captchas[rng.integers(len(captchas))], rng),
    )
    images = np.empty((count, height, width), np.uint8)
    for row in range(count):
        image = kinds[row % len(kinds)]()
        images[row] = 255 - image if rng.random() < 0.3 else image
    return images


def _draw_flat(height: int, width: int, rng: np.random.Generator) -> GreyImage:
    """Return one grey level, or a gradient, with a little noise."""
    x, y = np.linspace(-1, 1, width), np.linspace(-1, 1, height)[:, np.newaxis]
    slope_x, slope_y = rng.uniform(-60, 60, 2) * (rng.random() < 0.5)
    noise = rng.normal(0, rng.uniform(0, 8), (height, width))
    return _to_grey(rng.uniform(0, 255) + slope_x * x + slope_y * y + noise)


def _draw_noise(height: int, width: int, rng: np.random.Generator) -> GreyImage:
    """Return noise in pixels of any size, of two levels or of many."""
    block = int(rng.integers(1, 5))
    shape = (-(-height // block), -(-width // block))
    values = rng.random(shape)
    if rng.random() < 0.5:
        values = (values < rng.uniform(0.02, 0.6)).astype(np.float64)
    low, high = rng.uniform(0, 255, 2)
    blocks = np.kron(low + (high - low) * values, np.ones((block, block)))
    image = Image.fromarray(_to_grey(blocks[:height, :width]))
    if rng.random() < 0.4:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 3)))
    return np.asarray(image)


def _draw_clouds(height: int, width: int, rng: np.random.Generator) -> GreyImage:
    """Return noise with more power in low frequencies, as photos have."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, np.newaxis], np.fft.rfftfreq(width))
    spectrum = np.fft.rfft2(rng.normal(size=(height, width)))
    field = np.fft.irfft2(
        spectrum / np.maximum(frequency, 1e-2) ** rng.uniform(0.8, 2), (height, width)
    )
    field = (field - field.mean()) / max(float(field.std()), 1e-6)
    return _to_grey(rng.uniform(60, 200) + rng.uniform(15, 70) * field)


def _draw_scene(height: int, width: int, rng: np.random.Generator) -> GreyImage:
    """Return overlapping shapes and lines."""
    image = Image.new("L", (width, height), int(rng.integers(256)))
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(1, 25)):
        (x0, x1), (y0, y1) = (
            np.sort(rng.uniform(-0.2, 1.2, 2) * side).tolist() for side in (width, height)
        )
        level, kind = int(rng.integers(256)), rng.random()
        if kind < 0.35:
            draw.ellipse((x0, y0, x1, y1), fill=level)
        elif kind < 0.6:
            draw.rectangle((x0, y0, x1, y1), fill=level)
        else:
            ends = (x0, y0, x1, y1) if rng.random() < 0.5 else (x0, y1, x1, y0)
            draw.line(ends, fill=level, width=int(rng.integers(1, 5)))
    noise = rng.normal(0, rng.uniform(0, 15), (height, width))
    return _to_grey(np.asarray(image.filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.5)))) + noise)


def _draw_pattern(height: int, width: int, rng: np.random.Generator) -> GreyImage:
    """Return a sum of waves: stripes, checks and ripples."""
    y, x = np.mgrid[:height, :width]
    field = np.zeros((height, width))
    for _ in range(rng.integers(1, 4)):
        frequency_x, frequency_y = rng.uniform(-0.4, 0.4, 2)
        field += np.sin(2 * np.pi * (frequency_x * x + frequency_y * y + rng.random()))
    if rng.random() < 0.5:
        field = np.sign(field)
    return _to_grey(rng.uniform(60, 200) + rng.uniform(20, 90) * field)


def _shuffle_tiles(captcha: GreyImage, rng: np.random.Generator) -> GreyImage:
    """Return a captcha with its tiles in another order, so that no character remains."""
    rows, columns = _TILES
    height, width = captcha.shape[0] // rows, captcha.shape[1] // columns
    result = captcha.copy()
    for target, source in enumerate(rng.permutation(rows * columns)):
        (r, c), (from_r, from_c) = divmod(target, columns), divmod(int(source), columns)
        tile = captcha[
            from_r * height : (from_r + 1) * height, from_c * width : (from_c + 1) * width
        ]
        result[r * height : (r + 1) * height, c * width : (c + 1) * width] = tile[
            :: rng.choice((-1, 1)), :: rng.choice((-1, 1))
        ]
    return result


def _to_grey(values: npt.NDArray[np.floating]) -> GreyImage:
    grey: GreyImage = np.clip(values, 0, 255).astype(np.uint8)
    return grey
