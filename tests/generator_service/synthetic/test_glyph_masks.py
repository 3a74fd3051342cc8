from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from generator_service.synthetic.font_files import list_bundled_fonts
from generator_service.synthetic.glyph_masks import render_mask

FONTS = list_bundled_fonts()


def count_foreground(mask: Image.Image) -> int:
    return int((np.asarray(mask) > 127).sum())


@pytest.mark.parametrize("font", FONTS, ids=lambda font: font.rpartition("/")[2])
def test_the_characters_of_a_font_share_a_baseline(font: str) -> None:
    masks = [render_mask(font, character, 0, 0).whole for character in "HIL"]
    assert len({mask.height for mask in masks}) == 1
    bottoms = [box[3] for mask in masks if (box := mask.getbbox())]
    assert len(bottoms) == 3
    assert max(bottoms) - min(bottoms) <= 3


def test_a_mask_is_cropped_at_the_sides_and_has_a_margin_above_and_below() -> None:
    for character in "ijWg|^-":
        mask = render_mask(FONTS[0], character, 2, 0).whole
        box = mask.getbbox()
        assert mask.mode == "L"
        assert box is not None
        assert (box[0], box[2]) == (0, mask.width)
        assert 0 < box[1] < box[3] < mask.height


def test_a_wider_stroke_covers_more() -> None:
    strokes = [count_foreground(render_mask(FONTS[0], "B", px, 0).whole) for px in (0, 1, 2)]
    assert strokes == sorted(strokes)
    assert len(set(strokes)) == 3
    assert render_mask(FONTS[0], "B", 0, 0).inside is None


def test_an_outline_surrounds_the_character() -> None:
    plain = render_mask(FONTS[0], "B", 1, 0).whole
    outlined = render_mask(FONTS[0], "B", 1, 2)
    assert outlined.inside is not None
    assert outlined.inside.size == outlined.whole.size
    inside, whole = np.asarray(outlined.inside), np.asarray(outlined.whole)
    assert inside.sum() == np.asarray(plain).sum()
    assert (whole >= inside).all()
    assert count_foreground(outlined.whole) > count_foreground(outlined.inside) + 100


def test_a_mask_is_rendered_once() -> None:
    assert render_mask(FONTS[1], "A", 0, 2) is render_mask(FONTS[1], "A", 0, 2)
