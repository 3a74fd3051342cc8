"""The effects of the captcha library: noise, distortion, colours and fonts of a captcha."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Self

from shared.captchas.spec_error import SpecError

Change = Literal["off", "doubled"]

RANDOM_COLOR = "random"
_COLOR = re.compile(r"#[0-9a-f]{6}")
# A name, not a path: the generator looks for it in its directory of fonts.
_FONT = re.compile(r"[0-9A-Za-z][0-9A-Za-z ._+-]{0,99}\.(ttf|otf)", re.IGNORECASE)
_MAX_FONTS = 100


class EffectsError(SpecError):
    """An effect with an invalid value."""


@dataclass(frozen=True)
class Effects:
    """How the styles of the captcha library render a text. The defaults are those of the library.

    Attributes:
        noise_dots: number of noise dots.
        noise_curves: number of arcs across the text.
        rotation: largest rotation of a character to either side, in degrees.
        warp: strength of the distortion of a character, as a multiple of the library's.
        offset: largest displacement of a character, as a multiple of the library's.
        overlap: largest overlap of neighbouring characters, as a fraction of their mean width.
        text_color: `random` for each captcha, or `#rrggbb`; noise has the colour of the text.
        background_color: `random` for each captcha, or `#rrggbb`.
        fonts: names of font files; empty means the fonts of the generator.

    Raises:
        EffectsError: naming the effect, its value and the valid values.
    """

    noise_dots: int = 30
    noise_curves: int = 1
    rotation: int = 30
    warp: float = 1.0
    offset: float = 1.0
    overlap: float = 0.25
    text_color: str = RANDOM_COLOR
    background_color: str = RANDOM_COLOR
    fonts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, limit in _LIMITS.items():
            value = getattr(self, name)
            kind = "an integer" if isinstance(limit, int) else "a number"
            accepted = (int,) if isinstance(limit, int) else (int, float)
            if (
                isinstance(value, bool)
                or not isinstance(value, accepted)
                or not 0 <= value <= limit
            ):
                raise EffectsError(f"{name} must be {kind} from 0 to {limit}, not {value!r}")
            # So that 1 and 1.0 have equal fingerprints.
            object.__setattr__(self, name, type(limit)(value))
        for name in ("text_color", "background_color"):
            value = getattr(self, name)
            if value != RANDOM_COLOR and not (isinstance(value, str) and _COLOR.fullmatch(value)):
                raise EffectsError(
                    f"{name} must be {RANDOM_COLOR} or #rrggbb in lower case, not {value!r}"
                )
        if self.text_color == self.background_color != RANDOM_COLOR:
            raise EffectsError(
                f"text_color must differ from background_color, not {self.text_color!r}"
            )
        self._check_fonts()

    def _check_fonts(self) -> None:
        if not isinstance(self.fonts, list | tuple) or len(self.fonts) > _MAX_FONTS:
            raise EffectsError(f"fonts must be a list of at most {_MAX_FONTS} names")
        object.__setattr__(self, "fonts", tuple(self.fonts))
        for font in self.fonts:
            if not isinstance(font, str) or not _FONT.fullmatch(font):
                raise EffectsError(
                    f"fonts must be names of .ttf or .otf files without a directory, not {font!r}"
                )

    def to_dict(self) -> dict[str, Any]:
        """Return the effects as JSON values, without those that have their default."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        defaults = {field.name: field.default for field in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
            if value != defaults[name]
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the effects with these values and the defaults of the others.

        Raises:
            EffectsError: on unknown or invalid values.
        """
        known = [field.name for field in fields(cls)]
        if unknown := sorted(set(values) - set(known)):
            raise EffectsError(f"effects has no {', '.join(unknown)}, only {', '.join(known)}")
        return cls(**values)

    def changes(self) -> Iterator[tuple[str, Change, Effects]]:
        """Yield each protection switched off and doubled, one at a time.

        Changes that change nothing are left out. A doubled value is at most the largest valid one.

        Yields:
            The name of the effect, the change, and the changed effects.
        """
        for name in PROTECTIONS:
            value, limit = getattr(self, name), _LIMITS[name]
            values: dict[Change, float] = {"off": 0, "doubled": min(2 * value, limit)}
            for change, changed in values.items():
                if changed != value:
                    fields_changed: dict[str, Any] = {name: changed}
                    yield name, change, replace(self, **fields_changed)


_LIMITS: dict[str, int | float] = {
    "noise_dots": 1000,
    "noise_curves": 20,
    "rotation": 90,
    "warp": 3.0,
    "offset": 5.0,
    "overlap": 0.75,
}
"""Largest values; the type of a limit is that of the values."""

PROTECTIONS = ("noise_dots", "noise_curves", "rotation", "warp", "overlap")
"""Effects that can be switched off. `offset` is none: the library crops each character after it
moved it, so that only the sequence of random numbers changes."""
