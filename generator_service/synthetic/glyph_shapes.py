"""Glyph shapes: the characters of a synthetic captcha, rotated and sheared."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from PIL import Image

from generator_service.synthetic.glyph_masks import GlyphMask, render_mask
from generator_service.synthetic.options import SyntheticOptions, draw_strength

_MAX_FONTS = 4
_MAX_SHEAR = 0.35
_MAX_SIZE_CHANGE = 0.25
_OUTLINE_FRACTION = 0.14
_MAX_OUTLINE_PX = 3
_STROKES_PX = (0, 0, 0, 0, 1, 2)


@dataclass(frozen=True)
class GlyphShape:
    """A character with its transformation.

    Attributes:
        mask: coverage at the reference size.
        angle: rotation in radians.
        shear: horizontal shift per row.
        scale: size relative to the other characters.
    """

    mask: GlyphMask
    angle: float
    shear: float
    scale: float

    def render(self, scale: float) -> GlyphMask:
        """Return the coverage of the transformed character; scale 1 is the size of the mask."""
        scale *= self.scale
        cos, sin = math.cos(self.angle) * scale, math.sin(self.angle) * scale
        a, b = cos, self.shear * cos - sin  # new x = a x + b y
        c, d = sin, self.shear * sin + cos  # new y = c x + d y
        width, height = self.mask.whole.size
        new_width = math.ceil(abs(a) * width + abs(b) * height) + 2
        new_height = math.ceil(abs(c) * width + abs(d) * height) + 2
        determinant = a * d - b * c  # the square of the scale
        # Pillow maps new pixels to old ones; both centres coincide.
        ia, ib, ic, id_ = (v / determinant for v in (d, -b, -c, a))
        x, y = new_width / 2, new_height / 2
        matrix = (ia, ib, width / 2 - ia * x - ib * y, ic, id_, height / 2 - ic * x - id_ * y)
        size = (new_width, new_height)
        return self.mask.apply(
            lambda image: image.transform(
                size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
            )
        )


def draw_shapes(
    text: str, fonts: tuple[str, ...], options: SyntheticOptions, rng: random.Random
) -> list[GlyphShape]:
    """Return a shape for each character of a text, in up to four fonts."""
    chosen = [rng.choice(fonts) for _ in range(rng.randint(1, _MAX_FONTS))]
    rotation = math.radians(draw_strength(rng, options.max_rotation_deg))
    shear = draw_strength(rng, _MAX_SHEAR)
    common_shear = rng.uniform(-shear, shear) if rng.random() < 0.5 else None
    size_change = draw_strength(rng, _MAX_SIZE_CHANGE)
    outline_px = rng.randint(1, _MAX_OUTLINE_PX) if rng.random() < _OUTLINE_FRACTION else 0
    stroke_px = rng.choice(_STROKES_PX)
    return [
        GlyphShape(
            render_mask(rng.choice(chosen), character, stroke_px, outline_px),
            rng.uniform(-rotation, rotation),
            rng.uniform(-shear, shear) if common_shear is None else common_shear,
            1 - rng.random() * size_change,
        )
        for character in text
    ]
