"""Augmentation that covers the differences between releases of the captcha library.

Releases of `captcha` and Pillow differ in the scale and position of the characters, the width and
softness of the strokes, and the contrast. The ranges were measured on captchas of each release,
from captcha 0.1 with Pillow 3 on (docs/experiments.md).

If the generator has another style, its captchas are only shifted: hairlines and light strokes would
vanish or swell, and a gradient would end at a visible edge. Captchas of an image folder alone are
augmented, whatever they look like.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

_MIN_SCALE_X, _MAX_SCALE_X = 0.8, 1.18
_MIN_SCALE_Y, _MAX_SCALE_Y = 0.65, 1.14
_MAX_SHEAR = 0.08
_MAX_EROSION, _MAX_DILATION = 1.0, 0.6  # 1 makes strokes one pixel thinner or wider
_MAX_CONTRAST_CHANGE = 0.25
_MAX_DARKENING, _MAX_BRIGHTENING = 10.0, 5.0  # grey levels


def augment(
    images: tf.Tensor, seed: tf.Tensor, max_shift_x_px: int, max_shift_y_px: int
) -> tf.Tensor:
    """Augment each image of a batch on its own; exposed areas get the background colour.

    Args:
        images: uint8 (B, height, width).
        seed: int64 (2,); equal seeds give equal results.
        max_shift_x_px: maximum horizontal shift, in addition to the free space that scaling leaves.
            It is tripled, because the text of captcha before 0.3 is a dozen pixels further left.
        max_shift_y_px: maximum vertical shift, in addition to the free space that scaling leaves.

    Returns:
        uint8 (B, height, width).
    """
    height, width = images.shape[1:]
    seeds = tf.random.experimental.stateless_split(seed, 8)

    def draw(which: int, low: float, high: float) -> tf.Tensor:
        return tf.random.stateless_uniform((tf.shape(images)[0],), seeds[which], low, high)

    grey = tf.cast(images, tf.float32)
    background = _estimate_background(grey)
    # The transformation maps new pixels to old ones: a scale below 1 enlarges.
    scale_x, scale_y = (
        draw(0, 1 / _MAX_SCALE_X, 1 / _MIN_SCALE_X),
        draw(1, 1 / _MAX_SCALE_Y, 1 / _MIN_SCALE_Y),
    )
    shear_x, shear_y = draw(2, -_MAX_SHEAR, _MAX_SHEAR), draw(3, -_MAX_SHEAR, _MAX_SHEAR)
    range_x = 3 * max_shift_x_px + tf.maximum(scale_x - 1, 0) * width / 2
    range_y = max_shift_y_px + tf.maximum(scale_y - 1, 0) * height / 2
    left = width / 2 * (1 - scale_x) - height / 2 * shear_x + draw(4, -1, 1) * range_x
    top = height / 2 * (1 - scale_y) - width / 2 * shear_y + draw(5, -1, 1) * range_y
    zero = tf.zeros_like(scale_x)
    transforms = tf.stack([scale_x, shear_x, left, shear_y, scale_y, top, zero, zero], axis=1)

    def transform(interpolation: str) -> tf.Tensor:
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=(background - grey)[..., tf.newaxis],
            transforms=transforms,
            output_shape=(height, width),
            fill_value=0.0,
            interpolation=interpolation,
            fill_mode="CONSTANT",
        )[..., 0]

    # Pillow before 7 used nearest-neighbour interpolation: hard edges and thin strokes.
    is_nearest = tf.random.stateless_uniform((), seeds[6]) < 0.5
    foreground = tf.cond(is_nearest, lambda: transform("NEAREST"), lambda: transform("BILINEAR"))
    foreground = tf.ensure_shape(foreground, (None, height, width))
    seeds = tf.random.experimental.stateless_split(seeds[7], 3)
    width_change = draw(0, -_MAX_EROSION, _MAX_DILATION)[:, tf.newaxis, tf.newaxis]
    foreground += tf.maximum(width_change, 0) * (_pool_2x2(foreground, tf.maximum) - foreground)
    foreground += tf.maximum(-width_change, 0) * (_pool_2x2(foreground, tf.minimum) - foreground)
    contrast = draw(1, 1 - _MAX_CONTRAST_CHANGE, 1 + _MAX_CONTRAST_CHANGE)
    offset = draw(2, -_MAX_DARKENING, _MAX_BRIGHTENING)[:, tf.newaxis, tf.newaxis]
    result = background + offset - contrast[:, tf.newaxis, tf.newaxis] * foreground
    return tf.cast(tf.clip_by_value(result, 0, 255), tf.uint8)


def shift(
    images: tf.Tensor, seed: tf.Tensor, max_shift_x_px: int, max_shift_y_px: int
) -> tf.Tensor:
    """Shift a whole batch by one random offset; exposed areas are mirrored.

    One offset per batch costs almost nothing, and over a training its effect equals that of one per
    image.

    Args:
        images: uint8 (B, height, width).
        seed: int64 (2,); equal seeds give equal results.
        max_shift_x_px: maximum horizontal shift.
        max_shift_y_px: maximum vertical shift.

    Returns:
        uint8 (B, height, width).
    """
    height, width = images.shape[1:]
    choices = tf.constant([2 * max_shift_y_px + 1, 2 * max_shift_x_px + 1], tf.float32)
    offsets = tf.cast(tf.random.stateless_uniform((2,), seed) * choices, tf.int32)
    top, left = tf.unstack(offsets)
    padding = ((0, 0), (max_shift_y_px, max_shift_y_px), (max_shift_x_px, max_shift_x_px))
    padded = tf.pad(images, padding, "SYMMETRIC")
    shifted = padded[:, top : top + height, left : left + width]
    return tf.ensure_shape(shifted, (None, height, width))


def _estimate_background(grey: tf.Tensor) -> tf.Tensor:
    """Return the background brightness, (B, 1, 1): the median along the edges of each image."""
    edges = tf.concat([grey[:, 0], grey[:, -1], grey[:, :, 0], grey[:, :, -1]], axis=1)
    middle = edges.shape[1] // 2
    return tf.sort(edges, axis=1)[:, middle, tf.newaxis, tf.newaxis]


def _pool_2x2(
    foreground: tf.Tensor, pick: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
) -> tf.Tensor:
    """Return the maximum or minimum of each pixel and its right and lower neighbours."""
    rows = tf.concat([pick(foreground[:, :, 1:], foreground[:, :, :-1]), foreground[:, :, -1:]], 2)
    return tf.concat([pick(rows[:, 1:], rows[:, :-1]), rows[:, -1:]], axis=1)
