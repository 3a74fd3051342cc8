from __future__ import annotations

from generator_service.rendering.captcha_text import generate_text
from generator_service.rendering.dataset_batches import render_grey_batch, render_png_batch
from generator_service.rendering.image_renderer import render_grey, render_png
from generator_service.rendering.render_options import RenderOptions
from shared.captchas.spec import CaptchaSpec

SPEC = CaptchaSpec()
OPTIONS = RenderOptions()


def test_a_png_batch_contains_the_captchas_of_its_range_with_their_texts() -> None:
    texts = [generate_text(SPEC, 4, index) for index in (7, 8, 9)]
    assert render_png_batch(SPEC, OPTIONS, 4, 7, 10) == [
        (text, render_png(SPEC, OPTIONS, text, 4, index)) for index, text in enumerate(texts, 7)
    ]


def test_a_grey_batch_contains_the_pixels_of_its_range_in_order() -> None:
    expected = [
        render_grey(SPEC, OPTIONS, generate_text(SPEC, 4, index), 4, index).tobytes()
        for index in (7, 8, 9)
    ]
    assert render_grey_batch(SPEC, OPTIONS, 4, 7, 10) == b"".join(expected)
