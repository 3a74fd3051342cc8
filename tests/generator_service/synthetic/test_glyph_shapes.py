from __future__ import annotations

import math
import random

import numpy as np
import pytest
from PIL import Image

from generator_service.synthetic.font_files import list_bundled_fonts
from generator_service.synthetic.glyph_masks import GlyphMask
from generator_service.synthetic.glyph_shapes import GlyphShape, draw_shapes
from generator_service.synthetic.options import SyntheticOptions

BAR = GlyphMask(Image.new("L", (10, 40), 255))


def measure(shape: GlyphShape, scale: float = 1) -> tuple[int, int]:
    """Return the width and height of the covered pixels."""
    rendered = shape.render(scale).whole
    box = rendered.getbbox()
    assert box is not None
    assert box[0] > 0  # nothing is cut off
    assert box[2] < rendered.width
    return box[2] - box[0], box[3] - box[1]


@pytest.mark.parametrize(
    ("shape", "scale", "size"),
    [
        (GlyphShape(BAR, 0, 0, 1), 1, (10, 40)),
        (GlyphShape(BAR, 0, 0, 1), 0.5, (5, 20)),
        (GlyphShape(BAR, 0, 0, 0.5), 1, (5, 20)),
        (GlyphShape(BAR, math.pi / 2, 0, 1), 1, (40, 10)),
        (GlyphShape(BAR, math.pi / 4, 0, 1), 1, (35, 35)),
        (GlyphShape(BAR, 0, 0.5, 1), 1, (30, 40)),
    ],
)
def test_a_shape_is_scaled_rotated_and_sheared(
    shape: GlyphShape, scale: float, size: tuple[int, int]
) -> None:
    width, height = measure(shape, scale)
    assert abs(width - size[0]) <= 2
    assert abs(height - size[1]) <= 2


def test_the_coverage_is_preserved() -> None:
    covered = np.asarray(GlyphShape(BAR, 0.4, 0.2, 1).render(1).whole).sum() / 255
    assert covered == pytest.approx(400, rel=0.05)


def test_the_area_within_an_outline_is_transformed_alike() -> None:
    bar = GlyphMask(BAR.whole, BAR.whole.copy())
    rendered = GlyphShape(bar, 0.4, 0.2, 0.7).render(1)
    assert rendered.inside is not None
    assert rendered.inside.tobytes() == rendered.whole.tobytes()


def test_a_text_has_a_shape_per_character_within_the_limits() -> None:
    options = SyntheticOptions(max_rotation_deg=20)
    shapes = [
        shape
        for seed in range(50)
        for shape in draw_shapes("aB7", list_bundled_fonts(), options, random.Random(seed))
    ]
    assert len(shapes) == 150
    largest = math.degrees(max(abs(shape.angle) for shape in shapes))
    assert 10 < largest <= 20
    assert all(abs(shape.shear) <= 0.35 and 0.75 <= shape.scale <= 1 for shape in shapes)
    without_rotation = SyntheticOptions(max_rotation_deg=0)
    for seed in range(20):
        for shape in draw_shapes(
            "aB7", list_bundled_fonts(), without_rotation, random.Random(seed)
        ):
            assert shape.angle == 0
