from __future__ import annotations

import inspect
import string
from dataclasses import replace
from typing import Any

import captcha.image
import numpy as np
import pytest
from PIL import Image, ImageColor, ImageDraw, ImageFont

from generator_service.rendering.captcha_text import generate_text
from generator_service.rendering.library_renderer import render_with_library
from generator_service.rendering.seeded_random import SeededRandom, load_seeded_module
from generator_service.synthetic.font_files import list_bundled_fonts
from shared.captchas.effects import Effects
from shared.captchas.spec import CaptchaSpec

SPEC = CaptchaSpec()
SPECS = [
    SPEC,
    CaptchaSpec(string.ascii_letters + string.digits, 6, 128, 64),  # text wider than the image
    CaptchaSpec("WM", 9, 100, 40),
    CaptchaSpec("-~|", 1, 400, 20),
]


def load_older_library(source: SeededRandom, edits: dict[str, str]) -> Any:
    """Return captcha 0.7.1 with some code replaced by older code."""
    library = load_seeded_module("captcha.image", source)
    code = inspect.getsource(captcha.image)
    for new, old in edits.items():
        assert code.count(new) == 1, new
        code = code.replace(new, old)
    library.draw_with_dark_edges = draw_with_dark_edges
    exec(code, library.__dict__)
    library.secrets = source  # type: ignore[attr-defined]
    return library


# The lines of captcha 0.7.0, which vary the warp between fractions of a side.
OLDER_WARP = {
    f"{side} * (secrets.randbits(32) / (2**32)) * ({warp}[1] - {warp}[0]) + {warp}[0]": (
        f"{side} * ({warp}[0] + secrets.randbits(32) / (2**32) * ({warp}[1] - {warp}[0]))"
    )
    for side, warp in (("w", "self.character_warp_dx"), ("h", "self.character_warp_dy"))
}
# captcha 0.2 has no spaces, measures text at (0, 0), and draws arcs across most of the image.
# Pillow before 7 resizes with nearest-neighbour interpolation, blends text with the black of
# transparent pixels, and multiplies colours with alpha before each step.
VINTAGE = {
    "secrets.randbits(32) / (2**32) > self.word_space_probability": (
        "secrets.randbits(32) is None"
    ),
    "draw.multiline_textbbox((1, 1), c,": "draw.multiline_textbbox((0, 0), c,",
    "x2 = secrets.randbelow(w - int(w / 5) + 1) + int(w / 5)": (
        "x2 = secrets.randbelow(int(w / 5) + 1) + w - int(w / 5)"
    ),
    "Draw(im).text((dx1, dy1), c, font=font, fill=color)": (
        "im = draw_with_dark_edges(im, (dx1, dy1), c, font, color)"
    ),
    "im.resize((w2, h2))": (
        "im.convert('RGBa').resize((w2, h2), Resampling.NEAREST).convert('RGBA').convert('RGBa')"
    ),
    "im.transform((int(w), int(h)), Transform.QUAD, data)": (
        "im.transform((int(w), int(h)), Transform.QUAD, data).convert('RGBA')"
    ),
    "image.resize((self._width, self._height))": (
        "image.resize((self._width, self._height), Resampling.NEAREST)"
    ),
}


def draw_with_dark_edges(
    image: Image.Image,
    origin: tuple[int, int],
    text: str,
    font: ImageFont.FreeTypeFont,
    colour: tuple[int, ...],
) -> Image.Image:
    mask = Image.new("L", image.size)
    ImageDraw.Draw(mask).text(origin, text, font=font, fill=255)
    coverage = np.asarray(mask, np.uint32)[..., np.newaxis]
    # Pillow's division by 255, which rounds.
    blended = coverage * np.array(colour, np.uint32) + 128
    return Image.fromarray((((blended >> 8) + blended) >> 8).astype(np.uint8), "RGBA")


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.length}-{spec.width}")
@pytest.mark.parametrize(
    ("style", "edits"),
    [
        ("current", {}),
        ("classic", OLDER_WARP),
        ("vintage", OLDER_WARP | VINTAGE),
    ],
    ids=["current", "classic", "vintage"],
)
def test_a_style_has_the_pixels_of_its_library(
    spec: CaptchaSpec, style: Any, edits: dict[str, str]
) -> None:
    source = SeededRandom()
    reference = load_older_library(source, edits).ImageCaptcha(spec.width, spec.height)
    for seed in range(40):
        text = generate_text(spec, seed, 0)
        source.reseed("picture", seed, 0)
        expected = np.asarray(reference.generate_image(text))
        image = render_with_library(replace(spec, style=style), (), text, seed, 0)
        assert np.array_equal(np.asarray(image), expected)


EFFECTS = [
    Effects(noise_dots=0, noise_curves=0, rotation=0, warp=0, offset=0, overlap=0),
    Effects(noise_dots=60, noise_curves=2, rotation=60, warp=2.0, offset=2.0, overlap=0.5),
    Effects(noise_dots=0, noise_curves=2),
    Effects(noise_dots=60, noise_curves=0),
    Effects(rotation=0, overlap=0),
    Effects(text_color="#102030", background_color="#ffffff"),
    Effects(noise_curves=3, warp=0.5, background_color="#000000"),
]


@pytest.mark.parametrize("effects", EFFECTS, ids=lambda effects: ",".join(effects.to_dict()))
@pytest.mark.parametrize(
    ("style", "edits"),
    [("current", {}), ("classic", OLDER_WARP), ("vintage", OLDER_WARP | VINTAGE)],
    ids=["current", "classic", "vintage"],
)
def test_effects_have_the_pixels_of_the_library_with_these_attributes(
    style: Any, edits: dict[str, str], effects: Effects
) -> None:
    source = SeededRandom()
    library = load_older_library(source, edits).ImageCaptcha

    class Reference(library):
        character_offset_dx = (0, round(4 * effects.offset))
        character_offset_dy = (0, round(6 * effects.offset))
        character_rotate = (-effects.rotation, effects.rotation)
        character_warp_dx = (0.1 * effects.warp, 0.3 * effects.warp)
        character_warp_dy = (0.2 * effects.warp, 0.3 * effects.warp)
        word_offset_dx = effects.overlap

        def create_noise_dots(self, image: Any, color: Any) -> Any:
            return super().create_noise_dots(image, color, 3, effects.noise_dots)

        def create_noise_curve(self, image: Any, color: Any) -> Any:
            for _ in range(effects.noise_curves):
                super().create_noise_curve(image, color)
            return image

    def parse(color: str, mode: str) -> Any:
        return None if color == "random" else ImageColor.getcolor(color, mode)

    spec = CaptchaSpec(style=style, effects=effects)
    reference = Reference(spec.width, spec.height)
    for seed in range(30):
        text = generate_text(spec, seed, 0)
        source.reseed("picture", seed, 0)
        colors = parse(effects.background_color, "RGB"), parse(effects.text_color, "RGBA")
        expected = np.asarray(reference.generate_image(text, *colors))
        image = render_with_library(spec, (), text, seed, 0)
        assert np.array_equal(np.asarray(image), expected)


def test_the_fonts_are_used() -> None:
    def render(*fonts: str) -> bytes:
        return render_with_library(SPEC, fonts, "1234", 1, 0).tobytes()

    assert render() == render(captcha.image.DEFAULT_FONTS[0])
    assert render() != render(list_bundled_fonts()[0])


def measure_text_width(spec: CaptchaSpec, seed: int) -> int:
    """Return the columns between the first and the last one that are mostly darker than paper."""
    image = render_with_library(spec, (), "1" * spec.length, seed, 0)
    dark_rows = (np.asarray(image.convert("L")) < 200).sum(axis=0)
    columns = np.flatnonzero(dark_rows > spec.height / 4)
    return int(np.ptp(columns))


def test_vintage_has_no_spaces_between_characters() -> None:
    spec = CaptchaSpec(length=3, width=400)
    widths = {
        style: np.mean([measure_text_width(replace(spec, style=style), i) for i in range(20)])
        for style in ("classic", "vintage")
    }
    # On average every second character of the classic style follows a space of 30 pixels.
    assert widths["classic"] > widths["vintage"] + 15
