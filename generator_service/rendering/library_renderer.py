"""Library renderer: images with the pixels of the captcha library, at half its cost."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageColor, ImageDraw

from generator_service.rendering.glyph import Glyph, render_glyph
from generator_service.rendering.seeded_random import SeededRandom, load_seeded_module
from shared.captchas.effects import RANDOM_COLOR, Effects
from shared.captchas.spec import CaptchaSpec, Style

_random = SeededRandom()
_library = load_seeded_module("captcha.image", _random)

DEFAULT_FONTS: tuple[str, ...] = tuple(_library.DEFAULT_FONTS)
"""Paths of the fonts that the captcha library includes."""

_DOT_WIDTH_PX = 3


def render_with_library(
    spec: CaptchaSpec, fonts: tuple[str, ...], text: str, seed: int, index: int
) -> Image.Image:
    """Return the RGB image of a text in the style `current`, `classic` or `vintage`.

    Args:
        spec: size, rendering style and effects.
        fonts: paths of TrueType files; empty means DEFAULT_FONTS.
        text: what the image shows.
        seed: with `index`, determines colours, positions and distortion.
        index: position of the captcha in the dataset of the seed.
    """
    _random.reseed("picture", seed, index)
    effects = spec.effects
    renderer = _load_renderer(spec.width, spec.height, fonts, spec.style, effects)
    # The library's method; it calls create_captcha_image and create_noise_dots of the subclass.
    image: Image.Image = renderer.generate_image(
        text,
        _parse_color(effects.background_color, "RGB"),
        _parse_color(effects.text_color, "RGBA"),
    )
    return image


class _FastImageCaptcha(_library.ImageCaptcha):  # type: ignore[misc,name-defined]
    """The library's renderer without the work that has no effect on the pixels.

    It uses the same random numbers in the same order. It does not rotate and warp spaces, renders
    each glyph once instead of once per captcha, and sets the thirty noise dots in one call. Tests
    compare its pixels with the library's in all three styles.
    """

    def __init__(
        self, width: int, height: int, fonts: list[str] | None, style: Style, effects: Effects
    ) -> None:
        super().__init__(width, height, fonts)
        self._style = style
        self._effects = effects
        # The library has these as constants of its class.
        library = _library.ImageCaptcha
        self.character_offset_dx = _scale_range(library.character_offset_dx, effects.offset)
        self.character_offset_dy = _scale_range(library.character_offset_dy, effects.offset)
        self.character_rotate = (-effects.rotation, effects.rotation)
        self.character_warp_dx = tuple(effects.warp * d for d in library.character_warp_dx)
        self.character_warp_dy = tuple(effects.warp * d for d in library.character_warp_dy)
        self.word_offset_dx = effects.overlap
        self._glyphs: dict[tuple[int, str], Glyph] = {}
        # The library's lookup table for `bytes.translate`, clipped as Pillow clips it.
        self._contrast = bytes(min(value, 255) for value in self.lookup_table)
        self._dot = _dot_pixels()
        self._is_vintage = style == "vintage"
        self._resample = Image.Resampling.BICUBIC
        if self._is_vintage:
            self._resample = Image.Resampling.NEAREST  # the default of Pillow before 7
            self.word_space_probability = 1  # captcha before 0.3 has no spaces

    def _load_glyph(self, font_index: int, character: str) -> Glyph:
        key = (font_index, character)
        if key not in self._glyphs:
            self._glyphs[key] = render_glyph(
                self.truefonts[font_index], character, origin_px=0 if self._is_vintage else 1
            )
        return self._glyphs[key]

    def _max_warp_px(self, side_px: int, fractions: tuple[float, float]) -> float:
        """Return how far a corner can move; the only difference of `current` and `classic`."""
        low, high = fractions
        if self._style == "current":
            # captcha 0.7.1 omits brackets, which reduces the warp to half in x and a fifth in y.
            return side_px * _random.fraction() * (high - low) + low
        return side_px * (low + _random.fraction() * (high - low))

    def _draw_character(self, c: str, draw: Any, color: Any) -> Image.Image:
        glyph = self._load_glyph(_random.choice(range(len(self.truefonts))), c)
        width, height = glyph.width, glyph.height
        # The library offsets the glyph and crops it again, which only affects the overhang.
        left, right = self.character_offset_dx
        top, bottom = self.character_offset_dy
        mask = glyph.clip(
            left + _random.randbelow(right - left + 1), top + _random.randbelow(bottom - top + 1)
        )
        min_angle, max_angle = self.character_rotate
        angle = min_angle + _random.fraction() * (max_angle - min_angle)
        dx = self._max_warp_px(width, self.character_warp_dx)
        dy = self._max_warp_px(height, self.character_warp_dy)
        x1, y1 = (int(_random.fraction() * 2 * d - d) for d in (dx, dy))
        x2, y2 = (int(_random.fraction() * 2 * d - d) for d in (dx, dy))
        if mask is None:
            return Image.new("RGBA", (width, height))
        if self._is_vintage:
            # Older Pillow blends text with the black of transparent pixels, which darkens its
            # edges, and multiplies colours with alpha before each step.
            black = Image.new("L", mask.size)
            image = Image.merge(
                "RGBA", [Image.composite(Image.new("L", mask.size, v), black, mask) for v in color]
            )
        else:
            image = Image.new("RGBA", mask.size)
            ImageDraw.Draw(image).bitmap((0, 0), mask, fill=color)
        image = image.rotate(angle, Image.Resampling.BILINEAR, expand=True)
        wide, high = width + abs(x1) + abs(x2), height + abs(y1) + abs(y2)
        corners = (x1, y1, -x1, high - y2, wide + x2, high + y2, wide - x2, -y1)
        if self._is_vintage:
            image = image.convert("RGBa").resize((wide, high), self._resample)
            image = image.convert("RGBA").convert("RGBa")
        else:
            image = image.resize((wide, high), self._resample)
        image = image.transform((width, height), Image.Transform.QUAD, corners)
        return image.convert("RGBA") if self._is_vintage else image

    def create_captcha_image(self, chars: str, color: Any, background: Any) -> Image.Image:
        """Return the image of the characters, as the library does.

        The library's `generate_image` calls it, and then `create_noise_dots`.
        """
        letters: list[Image.Image] = []
        for character in chars:
            if _random.fraction() > self.word_space_probability:
                letters.append(self._draw_character(" ", None, color))
            letters.append(self._draw_character(character, None, color))
        text_width = sum(letter.width for letter in letters)
        width = max(text_width, self._width)
        image = Image.new("RGB", (width, self._height), background)
        average = int(text_width / len(chars))
        max_overlap = int(self.word_offset_dx * average)
        left = int(average * 0.1)
        for letter in letters:
            # The library takes the opacity from the brightness, not from the alpha channel.
            brightness = letter.convert("L").tobytes().translate(self._contrast)
            mask = Image.frombytes("L", letter.size, brightness)
            image.paste(letter, (left, int((self._height - letter.height) / 2)), mask)
            left += letter.width - _random.randbelow(max_overlap + 1)
        if width == self._width:
            return image
        return image.resize((self._width, self._height), self._resample)

    def create_noise_dots(
        self, image: Image.Image, color: Any, width: int = _DOT_WIDTH_PX, number: int = 30
    ) -> Image.Image:
        """Draw the dots of the effects, as the library does with its default width."""
        points = []
        for _ in range(self._effects.noise_dots):
            x, y = _random.randbelow(image.width + 1), _random.randbelow(image.height + 1)
            points += [(x + dx, y + dy) for dx, dy in self._dot]
        ImageDraw.Draw(image).point(points, fill=color)
        return image

    def create_noise_curve(self, image: Image.Image, color: Any) -> Image.Image:
        """Draw the arcs of the effects; the library draws one."""
        for _ in range(self._effects.noise_curves):
            image = self._draw_arc(image, color)
        return image

    def _draw_arc(self, image: Image.Image, color: Any) -> Image.Image:
        """Draw an arc, as the library does; up to 0.7.0 it crosses most of the image."""
        if not self._is_vintage:
            arc: Image.Image = super().create_noise_curve(image, color)
            return arc
        width, height = image.size
        x1 = _random.randbelow(width // 5 + 1)
        x2 = width - width // 5 + _random.randbelow(width // 5 + 1)
        y1 = height // 5 + _random.randbelow(height - 2 * (height // 5) + 1)
        y2 = y1 + _random.randbelow(height - height // 5 - y1 + 1)
        end, start = 160 + _random.randbelow(41), _random.randbelow(21)
        ImageDraw.Draw(image).arc([x1, y1, x2, y2], start, end, fill=color)
        return image


# An audit renders a dozen specs; a generator that is asked for more forgets the oldest.
@lru_cache(maxsize=32)
def _load_renderer(
    width: int, height: int, fonts: tuple[str, ...], style: Style, effects: Effects
) -> _FastImageCaptcha:
    return _FastImageCaptcha(width, height, list(fonts) or None, style, effects)


def _parse_color(color: str, mode: str) -> Any:
    """Return the channels of `#rrggbb` in a mode, opaque; None for a random colour."""
    return None if color == RANDOM_COLOR else ImageColor.getcolor(color, mode)


def _scale_range(pixels: tuple[int, int], factor: float) -> tuple[int, int]:
    return round(factor * pixels[0]), round(factor * pixels[1])


def _dot_pixels() -> list[tuple[int, int]]:
    """Return the pixels that Pillow sets for the library's dot, a short line, at (0, 0)."""
    centre = 8
    canvas = Image.new("L", (2 * centre, 2 * centre))
    line = ((centre, centre), (centre - 1, centre - 1))
    ImageDraw.Draw(canvas).line(line, fill=255, width=_DOT_WIDTH_PX)
    rows, columns = np.nonzero(np.asarray(canvas))
    return [(x - centre, y - centre) for x, y in zip(columns.tolist(), rows.tolist(), strict=True)]
