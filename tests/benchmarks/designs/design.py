"""A captcha design: what its pictures can show, and the program that draws them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from shared.captchas.restriction import Restriction

PROGRAMS = Path(__file__).parent / "programs"


@dataclass(frozen=True)
class Design:
    """A captcha design.

    Attributes:
        name: the name of its program, without the suffix.
        charset: the characters that can appear.
        min_length: the smallest number of characters.
        max_length: the largest number of characters.
        effect_in_style: whether the style `synthetic`, which the base is trained on, draws the same
            effect, with other code and fonts.
        fonts: names of the font files, which are searched in FONT_PACKAGES.
        pip: packages of PyPI that the program needs; without any it runs in our environment.
        npm: packages of npm that the program needs; it is a Node program if there are any.
    """

    name: str
    charset: str
    min_length: int
    max_length: int
    effect_in_style: bool = False
    fonts: tuple[str, ...] = ()
    pip: tuple[str, ...] = ()
    npm: tuple[str, ...] = ()

    @property
    def is_published(self) -> bool:
        """Whether the generator is another project's."""
        return bool(self.pip or self.npm)

    @property
    def restriction(self) -> Restriction:
        """What the text of a picture can be."""
        return Restriction(self.charset, self.min_length, self.max_length)

    @property
    def length_range(self) -> str:
        """The length for tables: "4", or "3 to 8"."""
        is_variable = self.min_length != self.max_length
        return f"{self.min_length} to {self.max_length}" if is_variable else str(self.max_length)

    def draw_texts(self, count: int, seed: int) -> list[str]:
        """Return texts; every length and every character is equally likely."""
        rng = random.Random(f"{self.name} {seed}")
        lengths = range(self.min_length, self.max_length + 1)
        return ["".join(rng.choices(self.charset, k=rng.choice(lengths))) for _ in range(count)]

    def allows(self, text: str) -> bool:
        """Return whether a picture can show a text."""
        return self.min_length <= len(text) <= self.max_length and set(text) <= set(self.charset)
