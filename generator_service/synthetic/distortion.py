"""Distortions of a whole synthetic captcha: warp, blur, noise and compression."""

from __future__ import annotations

import io
import math
import random

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from generator_service.synthetic.options import SyntheticOptions, draw_strength

_MAX_BLUR_PX = 1.0
_JITTER_FRACTION = 0.05
_MAX_JITTER_PX = 3.0


def warp(image: Image.Image, options: SyntheticOptions, rng: random.Random) -> Image.Image:
    """Shift rows and columns of an RGB image along sine waves, or each row on its own."""
    height, width = image.height, image.width
    amplitude_x, amplitude_y = (draw_strength(rng, options.max_warp) * height for _ in range(2))
    has_jitter = rng.random() < _JITTER_FRACTION and options.max_warp > 0
    if amplitude_x < 0.5 and amplitude_y < 0.5 and not has_jitter:
        return image
    period_x, period_y = rng.uniform(0.4, 2.5) * height, rng.uniform(0.5, 3) * height
    phase_x, phase_y = rng.random() * 2 * math.pi, rng.random() * 2 * math.pi
    wave_x = amplitude_x * _sine(height, period_x, phase_x)
    if has_jitter:
        limit = rng.uniform(0.5, _MAX_JITTER_PX)
        wave_x += [rng.uniform(-limit, limit) for _ in range(height)]
    wave_y = amplitude_y * _sine(width, period_y, phase_y)
    old_x = np.arange(width) + wave_x[:, np.newaxis]
    old_y = np.arange(height)[:, np.newaxis] + wave_y
    return Image.fromarray(_sample(np.asarray(image), old_x, old_y))


def _sine(count: int, period: float, phase: float) -> npt.NDArray[np.float64]:
    """Return a sine wave, float64 (count,)."""
    # Not np.sin: its last digit depends on the instruction set of the CPU.
    return np.array([math.sin(2 * math.pi * i / period + phase) for i in range(count)])


def _sample(
    pixels: npt.NDArray[np.uint8], x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> npt.NDArray[np.uint8]:
    """Return pixels at fractional positions, uint8 (height, width, 3); the edge is repeated."""
    height, width, channels = pixels.shape
    x, y = np.clip(x, 0, width - 1.001), np.clip(y, 0, height - 1.001)
    left, top = x.astype(np.intp), y.astype(np.intp)
    fx, fy = (x - left).astype(np.float32), (y - top).astype(np.float32)
    corner = top * width + left
    result = np.empty((*corner.shape, channels), np.uint8)
    # One channel at a time takes half as long as all three.
    for channel in range(channels):
        flat = pixels[..., channel].astype(np.float32).ravel()
        upper = flat[corner] * (1 - fx) + flat[corner + 1] * fx
        lower = flat[corner + width] * (1 - fx) + flat[corner + width + 1] * fx
        result[..., channel] = upper * (1 - fy) + lower * fy + np.float32(0.5)
    return result


def degrade(image: Image.Image, options: SyntheticOptions, rng: random.Random) -> Image.Image:
    """Blur, add noise, and compress an RGB image."""
    blur_px = draw_strength(rng, _MAX_BLUR_PX)
    if rng.random() < 0.2:
        image = image.filter(ImageFilter.SMOOTH)
    elif blur_px > 0.3:
        image = image.filter(ImageFilter.GaussianBlur(blur_px))
    if rng.random() < 0.05:  # visible pixels
        factor = rng.uniform(1.3, 2)
        small = image.resize((round(image.width / factor), round(image.height / factor)))
        image = small.resize(image.size, Image.Resampling.NEAREST)
    image = _add_noise(image, options, rng)
    if rng.random() < 0.15:
        out = io.BytesIO()
        image.save(out, "jpeg", quality=rng.randint(25, 90))
        image = Image.open(out).convert("RGB")
    return image


def _add_noise(image: Image.Image, options: SyntheticOptions, rng: random.Random) -> Image.Image:
    deviation = draw_strength(rng, options.max_noise) * rng.random()
    salt = draw_strength(rng, options.max_noise / 600) * rng.random()
    if deviation < 1 and salt < 0.002:
        return image
    numbers = np.random.Generator(np.random.PCG64(rng.getrandbits(64)))
    pixels = np.asarray(image).astype(np.float32)
    if deviation >= 1:
        channels = rng.choice((1, 3))
        shape = (*pixels.shape[:2], channels)
        pixels += deviation * numbers.standard_normal(shape, np.float32)
    if salt >= 0.002:
        chance = numbers.random(pixels.shape[:2], np.float32)
        value = rng.choice((0.0, 255.0))
        pixels[chance < salt] = value
        pixels[chance > 1 - salt / 2] = 255 - value
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
