"""Draws and speaks captchas: the only file that uses the captcha library."""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont, features

from generator_service.randomness import SeededSource, load_seeded
from shared.images import GreyImage, to_grey
from shared.spec import CLASSIC, CaptchaSpec, SpecError

_source = SeededSource()
_image_module = load_seeded("captcha.image", _source)
_audio_module = load_seeded("captcha.audio", _source)


class FontError(ValueError):
    """A file that is no font; the text names it."""


# Pillow's box of a text begins where the library lets it begin: here, in both directions.
_TEXT_ORIGIN = 1
_DOT_WIDTH = 3


@dataclass(frozen=True)
class _Glyph:
    """What a character of a font is, whatever colour and angle it will be drawn in."""

    width: int
    height: int
    mask: Image.Image | None
    """Coverage, mode L, cropped to what is inked; None for a blank."""
    left_of_origin: int
    above_origin: int
    """Inked columns and rows outside of the character's own box."""

    def clip(self, dx: int, dy: int) -> Image.Image | None:
        """What is left of the mask when its origin is `dx`, `dy` pixels inside of a picture."""
        cut_x, cut_y = max(0, self.left_of_origin - dx), max(0, self.above_origin - dy)
        if self.mask is None or (cut_x, cut_y) == (0, 0):
            return self.mask
        rest = self.mask.crop((cut_x, cut_y, *self.mask.size))
        inked = rest.getbbox()
        return rest.crop(inked) if inked else None


class _Painter(_image_module.ImageCaptcha):  # type: ignore[misc,name-defined]
    """The library's captcha, pixel by pixel and number by number, in half of its time.

    Left out is work that leaves no trace on the pixels: blanks are not rotated and warped, a
    glyph is rendered once and not for every captcha, the thirty dots are stamped in one call.
    Tests hold it to the library itself, for both drawings.
    """

    def __init__(self, width: int, height: int, fonts: list[str] | None, drawing: str) -> None:
        super().__init__(width, height, fonts)
        self._drawing = drawing
        self._glyphs: dict[tuple[int, str], _Glyph] = {}
        # The table of the library as `bytes.translate` takes it; Pillow clips as this does.
        self._contrast = bytes(min(value, 255) for value in self.lookup_table)
        self._dot = _find_dot()

    def _glyph(self, which_font: int, character: str) -> _Glyph:
        key = (which_font, character)
        if key not in self._glyphs:
            font = self.truefonts[which_font]
            scratch = ImageDraw.Draw(Image.new("L", (1, 1)))
            _, _, right, bottom = scratch.multiline_textbbox(
                (_TEXT_ORIGIN, _TEXT_ORIGIN), character, font=font
            )
            width, height = int(right), int(bottom)
            x, y = width, height  # room on all sides for what hangs over
            mask = Image.new("L", (x + width, y + height))
            ImageDraw.Draw(mask).text((x, y), character, font=font, fill=255)
            inked = mask.getbbox()
            self._glyphs[key] = (
                _Glyph(width, height, mask.crop(inked), max(0, x - inked[0]), max(0, y - inked[1]))
                if inked
                else _Glyph(width, height, None, 0, 0)
            )
        return self._glyphs[key]

    def _warp(self, side: int, share: tuple[float, float]) -> float:
        """How many pixels a corner may move; the two drawings differ in nothing else."""
        low, high = share
        if self._drawing == CLASSIC:
            return side * (low + _fraction() * (high - low))
        # captcha 0.7.1 lost a pair of brackets here: half the warp across, a fifth of it down.
        return side * _fraction() * (high - low) + low

    def _draw_character(self, c: str, draw: Any, color: Any) -> Image.Image:
        glyph = self._glyph(_source.choice(range(len(self.truefonts))), c)
        width, height = glyph.width, glyph.height
        # The library moves the glyph and crops it again: it matters to what hangs over alone.
        left, right = self.character_offset_dx
        top, bottom = self.character_offset_dy
        mask = glyph.clip(
            left + _source.randbelow(right - left + 1), top + _source.randbelow(bottom - top + 1)
        )
        least, most = self.character_rotate
        angle = least + _fraction() * (most - least)
        dx = self._warp(width, self.character_warp_dx)
        dy = self._warp(height, self.character_warp_dy)
        x1, y1 = int(_fraction() * (dx + dx) - dx), int(_fraction() * (dy + dy) - dy)
        x2, y2 = int(_fraction() * (dx + dx) - dx), int(_fraction() * (dy + dy) - dy)
        if mask is None:
            return Image.new("RGBA", (width, height))
        image = Image.new("RGBA", mask.size)
        ImageDraw.Draw(image).bitmap((0, 0), mask, fill=color)
        image = image.rotate(angle, Image.Resampling.BILINEAR, expand=True)
        wide, high = width + abs(x1) + abs(x2), height + abs(y1) + abs(y2)
        corners = (x1, y1, -x1, high - y2, wide + x2, high + y2, wide - x2, -y1)
        return image.resize((wide, high)).transform((width, height), Image.Transform.QUAD, corners)

    def create_captcha_image(self, chars: str, color: Any, background: Any) -> Image.Image:
        """As the library's."""
        letters: list[Image.Image] = []
        for character in chars:
            if _fraction() > self.word_space_probability:
                letters.append(self._draw_character(" ", None, color))
            letters.append(self._draw_character(character, None, color))
        text_width = sum(letter.width for letter in letters)
        width = max(text_width, self._width)
        image = Image.new("RGB", (width, self._height), background)
        average = int(text_width / len(chars))
        most_back = int(self.word_offset_dx * average)
        left = int(average * 0.1)
        for letter in letters:
            # Not the transparency but the brightness decides how much a letter covers.
            brightness = letter.convert("L").tobytes().translate(self._contrast)
            mask = Image.frombytes("L", letter.size, brightness)
            image.paste(letter, (left, int((self._height - letter.height) / 2)), mask)
            left += letter.width - _source.randbelow(most_back + 1)
        return image.resize((self._width, self._height)) if width > self._width else image

    def create_noise_dots(
        self, image: Image.Image, color: Any, width: int = _DOT_WIDTH, number: int = 30
    ) -> Image.Image:
        """As the library's, for the width that it uses."""
        points = []
        for _ in range(number):
            x, y = _source.randbelow(image.width + 1), _source.randbelow(image.height + 1)
            points += [(x + right, y + down) for right, down in self._dot]
        ImageDraw.Draw(image).point(points, fill=color)
        return image


def _fraction() -> float:
    """From 0 to below 1, made as the library makes it."""
    return _source.randbits(32) / 2**32


def _find_dot() -> list[tuple[int, int]]:
    """The pixels that Pillow sets for a dot of the library's, a short line, at (0, 0)."""
    middle = 8
    canvas = Image.new("L", (2 * middle, 2 * middle))
    ImageDraw.Draw(canvas).line(
        ((middle, middle), (middle - 1, middle - 1)), fill=255, width=_DOT_WIDTH
    )
    rows, columns = np.nonzero(np.asarray(canvas))
    return [(x - middle, y - middle) for x, y in zip(columns.tolist(), rows.tolist(), strict=True)]


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
def _painter(width: int, height: int, fonts: tuple[str, ...], drawing: str) -> _Painter:
    return _Painter(width, height, list(fonts) or None, drawing)


@cache
def _speaker() -> _Speaker:
    speaker = _Speaker()
    speaker.load()
    return speaker


def draw_text(spec: CaptchaSpec, seed: int, index: int) -> str:
    """The text of captcha `index` of `seed`: every length and every character equally likely."""
    numbers = _source.restart("text", seed, index)
    length = spec.length
    if spec.is_variable:  # else no number is drawn: seeds must stay good
        length = spec.shortest + _source.randbelow(spec.length - spec.shortest + 1)
    return "".join(numbers.choices(spec.charset, k=length))


def draw_picture(
    spec: CaptchaSpec, fonts: tuple[str, ...], text: str, seed: int, index: int
) -> Image.Image:
    """The RGB picture of `text`, with the strokes of captcha `index` of `seed`."""
    spec.check_text(text)
    _source.restart("picture", seed, index)
    picture: Image.Image = _painter(spec.width, spec.height, fonts, spec.drawing).generate_image(
        text
    )
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
