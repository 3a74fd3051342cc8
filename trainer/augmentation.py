"""Captchas varied, so that a recogniser learns the family and not one release of a library.

What differs between releases of `captcha` and of Pillow, each measured on captchas they drew
(docs/experiments.md): scale and place of the characters, thickness and softness of the strokes,
contrast. The ranges here hold what was found, from captcha 0.1 with Pillow 3 on.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

_NARROWEST, _WIDEST = 0.8, 1.18  # of a captcha's own width
_LOWEST, _HIGHEST = 0.65, 1.14  # of its own height
_SHEAR = 0.08
_THINNER, _THICKER = 1.0, 0.6  # share of the way to the strokes a pixel thinner or thicker
_CONTRAST = 0.25
_DARKER, _LIGHTER = 10.0, 5.0  # grey levels
_PAPER_BLOCK_PX = 8


def vary(images: Any, seed: Any, across: int, down: int) -> Any:
    """uint8 (B, height, width), each image varied on its own; what comes in is empty paper.

    seed: int64 (2,); the same one varies alike. across, down: pixels that a captcha moves beside
    what its scale makes room for.
    """
    height, width = images.shape[1:]
    seeds = tf.random.experimental.stateless_split(seed, 8)

    def draw(which: int, low: float, high: float) -> Any:
        return tf.random.stateless_uniform((tf.shape(images)[0],), seeds[which], low, high)

    grey = tf.cast(images, tf.float32)
    paper = _find_paper(grey)
    # The transformation goes from the new pixel to the old one: below 1 enlarges.
    scale_x, scale_y = draw(0, 1 / _WIDEST, 1 / _NARROWEST), draw(1, 1 / _HIGHEST, 1 / _LOWEST)
    shear_x, shear_y = draw(2, -_SHEAR, _SHEAR), draw(3, -_SHEAR, _SHEAR)
    # Without the blanks that came with 0.3, the text stands a dozen pixels further left.
    room_x = 3 * across + tf.maximum(scale_x - 1, 0) * width / 2
    room_y = down + tf.maximum(scale_y - 1, 0) * height / 2
    left = width / 2 * (1 - scale_x) - height / 2 * shear_x + draw(4, -1, 1) * room_x
    top = height / 2 * (1 - scale_y) - width / 2 * shear_y + draw(5, -1, 1) * room_y
    none = tf.zeros_like(scale_x)
    transforms = tf.stack([scale_x, shear_x, left, shear_y, scale_y, top, none, none], axis=1)

    def transform(interpolation: str) -> Any:
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=(paper - grey)[..., tf.newaxis],
            transforms=transforms,
            output_shape=(height, width),
            fill_value=0.0,
            interpolation=interpolation,
            fill_mode="CONSTANT",
        )[..., 0]

    # Pillow before 7 scaled by the nearest pixel: hard edges, thin strokes.
    coin = tf.random.stateless_uniform((), seeds[6])
    ink = tf.cond(coin < 0.5, lambda: transform("NEAREST"), lambda: transform("BILINEAR"))
    ink = tf.ensure_shape(ink, (None, height, width))
    seeds = tf.random.experimental.stateless_split(seeds[7], 3)
    weight = draw(0, -_THINNER, _THICKER)[:, tf.newaxis, tf.newaxis]
    ink += tf.maximum(weight, 0) * (_spread(ink, tf.maximum) - ink)
    ink += tf.maximum(-weight, 0) * (_spread(ink, tf.minimum) - ink)
    contrast = draw(1, 1 - _CONTRAST, 1 + _CONTRAST)[:, tf.newaxis, tf.newaxis]
    offset = draw(2, -_DARKER, _LIGHTER)[:, tf.newaxis, tf.newaxis]
    return tf.cast(tf.clip_by_value(paper + offset - contrast * ink, 0, 255), tf.uint8)


def move(images: Any, seed: Any, across: int, down: int) -> Any:
    """The whole batch moved by up to so many pixels; what comes in mirrors what was there.

    One move for all costs nothing, and over a training it does what one for each would: strokes
    fall differently on the grid of blocks every time.
    """
    height, width = images.shape[1:]
    room = tf.constant([2 * down + 1, 2 * across + 1], tf.float32)
    top, left = tf.unstack(tf.cast(tf.random.stateless_uniform((2,), seed) * room, tf.int32))
    padded = tf.pad(images, ((0, 0), (down, down), (across, across)), "SYMMETRIC")
    moved = padded[:, top : top + height, left : left + width]
    return tf.ensure_shape(moved, (None, height, width))


def _find_paper(grey: Any) -> Any:
    """The brightness of the paper, (B, 1, 1): the brightest block.

    Not the brightest pixel: scaling leaves some beside the strokes that are brighter than paper.
    """
    blocks = tf.nn.avg_pool2d(
        grey[..., tf.newaxis], _PAPER_BLOCK_PX, _PAPER_BLOCK_PX, padding="VALID"
    )
    return tf.reduce_max(blocks, axis=(1, 2))[:, :, tf.newaxis]


def _spread(ink: Any, pick: Any) -> Any:
    """Each pixel with its right and lower neighbours, as `pick` chooses: maximum or minimum."""
    wide = tf.concat([pick(ink[:, :, 1:], ink[:, :, :-1]), ink[:, :, -1:]], axis=2)
    return tf.concat([pick(wide[:, 1:], wide[:, :-1]), wide[:, -1:]], axis=1)
