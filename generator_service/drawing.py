"""Draws and speaks captchas: the only file that uses the captcha library."""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFont, features

from generator_service.randomness import SeededSource, load_seeded
from shared.images import GreyImage, to_grey
from shared.spec import CaptchaSpec, SpecError

_source = SeededSource()
_image_module = load_seeded("captcha.image", _source)
_audio_module = load_seeded("captcha.audio", _source)


class FontError(ValueError):
    """A file that is no font; the text names it."""


class _Painter(_image_module.ImageCaptcha):  # type: ignore[misc,name-defined]
    """The library's captcha, its pixels unchanged, minus work that leaves no trace on them."""

    def _draw_character(self, c: str, draw: Any, color: Any) -> Image.Image:
        if c != " ":
            return super()._draw_character(c, draw, color)  # type: ignore[no-any-return]
        # The library rotates, scales and warps blanks as it does letters: a third of the
        # drawing time for transparent pixels. The numbers it would draw must still be drawn.
        font = _source.choice(self.truefonts)
        _, _, width, height = draw.multiline_textbbox((1, 1), c, font=font)
        _source.randbelow(self.character_offset_dx[1] - self.character_offset_dx[0] + 1)
        _source.randbelow(self.character_offset_dy[1] - self.character_offset_dy[0] + 1)
        for _ in range(7):  # rotation, 2 warp ranges, 4 warp corners
            _source.randbits(32)
        return Image.new("RGBA", (int(width), int(height)))


class _Speaker(_audio_module.AudioCaptcha):  # type: ignore[misc,name-defined]
    """The library's spoken captcha, without its directory order, which differs by machine."""

    @property
    def choices(self) -> list[str]:
        return sorted(super().choices)

    def _load_data(self, name: str) -> None:
        self._cache[name] = [
            _audio_module._read_wave_file(str(recording))
            for recording in sorted(Path(self._voicedir, name).glob("*.wav"))
        ]


@cache
def _painter(width: int, height: int, fonts: tuple[str, ...]) -> _Painter:
    return _Painter(width, height, list(fonts) or None)


@cache
def _speaker() -> _Speaker:
    speaker = _Speaker()
    speaker.load()
    return speaker


def draw_text(spec: CaptchaSpec, seed: int, index: int) -> str:
    """The text of captcha `index` of `seed`: every character equally likely."""
    chosen = _source.restart("text", seed, index).choices(spec.charset, k=spec.length)
    return "".join(chosen)


def draw_picture(
    spec: CaptchaSpec, fonts: tuple[str, ...], text: str, seed: int, index: int
) -> Image.Image:
    """The RGB picture of `text`, with the strokes of captcha `index` of `seed`."""
    spec.check_text(text)
    _source.restart("picture", seed, index)
    picture: Image.Image = _painter(spec.width, spec.height, fonts).generate_image(text)
    return picture


def draw_png(spec: CaptchaSpec, fonts: tuple[str, ...], text: str, seed: int, index: int) -> bytes:
    """The picture as PNG, with the encoder settings of the library's `generate()`."""
    out = io.BytesIO()
    draw_picture(spec, fonts, text, seed, index).save(out, format="png")
    return out.getvalue()


def draw_grey(
    spec: CaptchaSpec, fonts: tuple[str, ...], text: str, seed: int, index: int
) -> GreyImage:
    """The picture as uint8 (height, width), the same grey that inference sees in the PNG."""
    return to_grey(draw_picture(spec, fonts, text, seed, index))


def draw_sound(spec: CaptchaSpec, text: str, seed: int) -> bytes:
    """The text spoken over noise: WAV, 8 kHz, 8 bit, mono.

    Raises SpecError for a character nobody recorded (the library ships 0-9 and A-Z).
    """
    spec.check_text(text)
    speaker = _speaker()
    silent = sorted(set(text) - set(speaker.choices))
    if silent:
        raise SpecError(
            f"no voice for {''.join(silent)!r}; recorded are {''.join(speaker.choices)}"
        )
    _source.restart("sound", seed, 0)
    return bytes(speaker.generate(text))


def describe_drawing(fonts: tuple[str, ...]) -> dict[str, Any]:
    """What decides, beside spec and seed, which pixels come out. Raises FontError."""
    files = fonts or tuple(_image_module.DEFAULT_FONTS)
    for file in files:
        try:
            ImageFont.truetype(file, 42)
        except OSError as error:
            raise FontError(f"the font {file} cannot be used: {error}") from error
    return {
        "captcha": importlib.metadata.version("captcha"),
        "pillow": importlib.metadata.version("pillow"),
        "freetype": features.version("freetype2"),
        "fonts": [_digest(file) for file in files],
    }


def _digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]


def stack_grey(
    spec: CaptchaSpec, fonts: tuple[str, ...], seed: int, start: int, stop: int
) -> bytes:
    """Grey pixels of captchas start..stop-1 of `seed`, one after the other, row by row."""
    images = np.empty((stop - start, spec.height, spec.width), np.uint8)
    for row, index in enumerate(range(start, stop)):
        images[row] = draw_grey(spec, fonts, draw_text(spec, seed, index), seed, index)
    return images.tobytes()


def list_pngs(
    spec: CaptchaSpec, fonts: tuple[str, ...], seed: int, start: int, stop: int
) -> list[tuple[str, bytes]]:
    """(text, PNG) of captchas start..stop-1 of `seed`."""
    pictures = []
    for index in range(start, stop):
        text = draw_text(spec, seed, index)
        pictures.append((text, draw_png(spec, fonts, text, seed, index)))
    return pictures
