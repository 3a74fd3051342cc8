from __future__ import annotations

import numpy as np
from PIL import Image

from generator_service.rendering.style_sheet import draw_style_sheet


def list_rows(sheet: Image.Image) -> list[bytes]:
    """Return the captchas of each row, without the label."""
    return [sheet.crop((78, top, sheet.width, top + 60)).tobytes() for top in range(6, 600, 66)]


def test_every_style_has_a_row_and_synthetic_has_three() -> None:
    sheet = draw_style_sheet(1)
    assert len(set(list_rows(sheet))) == len(list_rows(sheet)) == 9
    labels = np.asarray(sheet.crop((0, 0, 78, sheet.height)).convert("L"))
    assert [bool((labels[top : top + 60] < 128).any()) for top in range(6, 600, 66)] == [
        True, True, True, True, False, False, True, True, True,
    ]  # fmt: skip


def test_the_seed_determines_the_picture() -> None:
    assert draw_style_sheet(2).tobytes() == draw_style_sheet(2).tobytes()
    assert draw_style_sheet(2).tobytes() != draw_style_sheet(3).tobytes()
