from __future__ import annotations

import random
import string

import numpy as np
import pytest
from PIL import Image

from generator_service.synthetic.font_files import list_bundled_fonts
from generator_service.synthetic.options import SyntheticOptions
from generator_service.synthetic.renderer import render_synthetic
from shared.captchas.spec import CaptchaSpec

FONTS = list_bundled_fonts()
OPTIONS = SyntheticOptions()
PLAIN = SyntheticOptions(
    max_rotation_deg=0, max_overlap=0, max_lines=0, max_dots=0, max_noise=0, max_warp=0
)
STRONGEST = SyntheticOptions(
    max_rotation_deg=90,
    max_overlap=0.5,
    max_lines=50,
    max_dots=2_000,
    max_noise=128,
    max_warp=0.3,
    inverted_fraction=1,
)
CHARSET = string.ascii_letters + string.digits


def render(
    text: str, seed: int, options: SyntheticOptions = OPTIONS, size: tuple[int, int] = (160, 60)
) -> Image.Image:
    return render_synthetic(text, size, FONTS, options, random.Random(seed))


@pytest.mark.parametrize("options", [PLAIN, OPTIONS, STRONGEST], ids=["plain", "default", "strong"])
@pytest.mark.parametrize("size", [(16, 16), (16, 400), (400, 16), (300, 300)])
@pytest.mark.parametrize("length", [0, 1, 16])
def test_every_size_length_and_strength_can_be_rendered(
    options: SyntheticOptions, size: tuple[int, int], length: int
) -> None:
    for seed in range(6):
        text = "".join(random.Random(seed).choices(CHARSET, k=length))
        image = render(text, seed, options, size)
        assert (image.size, image.mode) == (size, "RGB")


def test_every_character_that_a_spec_can_contain_is_visible() -> None:
    spec = CaptchaSpec("".join(c for c in map(chr, range(33, 127)) if c not in '/\\_."'))
    for seed, character in enumerate(spec.charset):
        without = np.asarray(render("", seed, PLAIN))
        image = np.asarray(render(character * 4, seed, PLAIN)).astype(int)
        assert np.abs(image - without).max() > 20, character


def test_the_text_changes_the_image() -> None:
    images = {render(text, 1).tobytes() for text in ("abcd", "abce", "abc", "")}
    assert len(images) == 4


def test_every_captcha_has_its_own_design() -> None:
    captchas = [np.asarray(render("8Gk4", seed)).astype(float) for seed in range(120)]
    backgrounds = {tuple(np.median(pixels, axis=(0, 1)).astype(int)) for pixels in captchas}
    assert len(backgrounds) > 60
    brightness = [np.median(pixels) for pixels in captchas]
    assert 8 < sum(level < 110 for level in brightness) < 45  # a fifth is inverted


def test_inverted_captchas_can_be_switched_off() -> None:
    options = SyntheticOptions(inverted_fraction=0)
    captchas = [np.asarray(render("8Gk4", seed, options)) for seed in range(60)]
    # Swapped regions and strong patterns can still make most of a captcha dark.
    assert sum(np.median(pixels) < 110 for pixels in captchas) < 4
