"""Render options: what the renderer needs besides the spec."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from generator_service.rendering.named_fonts import FONT_DIRECTORY, find_named_fonts
from generator_service.synthetic.font_files import list_bundled_fonts
from generator_service.synthetic.options import SyntheticOptions
from shared.captchas.effects import Effects


@dataclass(frozen=True)
class RenderOptions:
    """Fonts and effects that the generator renders with.

    Attributes:
        fonts: font files of the library's styles; empty means the library's font.
        synthetic_fonts: font files of the styles `synthetic`, `gimpy`, `line` and `crowded`, which
            have all characters.
        synthetic: effects of the style `synthetic`.
        voices: directory with recordings of the characters; None means the library's.
        font_directory: directory of the fonts that a spec can name.
        synthetic_charset: characters that `synthetic_fonts` are known to have. Other characters of
            a spec are looked for in each of them.
    """

    fonts: tuple[str, ...] = ()
    synthetic_fonts: tuple[str, ...] = field(default_factory=list_bundled_fonts)
    synthetic: SyntheticOptions = field(default_factory=SyntheticOptions)
    voices: Path | None = None
    font_directory: Path = FONT_DIRECTORY
    synthetic_charset: str = ""

    def choose_fonts(self, effects: Effects) -> tuple[str, ...]:
        """Return the font files for the library's styles: those of the spec, or `fonts`.

        Raises:
            UnknownFont: if the directory has no font of a name.
        """
        if not effects.fonts:
            return self.fonts
        return find_named_fonts(self.font_directory, effects.fonts)
