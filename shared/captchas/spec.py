"""The captcha spec: characters, length, size in pixels and rendering style."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, Self, get_args

from shared.captchas.effects import Effects
from shared.captchas.spec_error import SpecError as SpecError  # noqa: PLC0414 - for importers of this module
from shared.fingerprint import fingerprint

Style = Literal["current", "classic", "vintage", "synthetic", "gimpy", "line", "crowded"]
"""Rendering style: `current` as captcha 0.7.1 renders, `classic` with the stronger warp of 0.7.0
and older, `vintage` like captcha 0.2 with Pillow before 7 (`classic` without spaces between
characters and with nearest-neighbour interpolation), `synthetic` in many designs, `gimpy` with
warped letters on a colour gradient, `line` with clean letters crossed by one stroke, `crowded` with
letters that touch and overlap."""
STYLES: tuple[Style, ...] = get_args(Style)
LIBRARY_STYLES: tuple[Style, ...] = ("current", "classic", "vintage")
"""The styles of the captcha library, which have effects."""

MAX_LENGTH = 16
MAX_CHARSET = 94  # printable ASCII without the space
MIN_SIDE_PX = 16
MAX_SIDE_PX = 1000
_OPTIONAL_FIELDS = frozenset({"min_length", "style", "effects"})


@dataclass(frozen=True)
class CaptchaSpec:
    """What the generator renders and a model predicts.

    Attributes:
        charset: the characters that can appear, each once. The position is the class index.
        length: characters per captcha; the maximum if the length varies.
        width: width of the image in pixels.
        height: height of the image in pixels.
        min_length: the minimum length; None means `length`.
        style: rendering style.
        effects: noise, distortion, colours and fonts of the library's styles.

    Raises:
        SpecError: naming the field and its value, if the spec is invalid.
    """

    charset: str = "0123456789"
    length: int = 4
    width: int = 160
    height: int = 60
    min_length: int | None = None
    style: Style = "current"
    effects: Effects = field(default_factory=Effects)

    def __post_init__(self) -> None:
        if not isinstance(self.charset, str) or not self.charset:
            raise SpecError("charset must contain at least one character")
        if len(self.charset) > MAX_CHARSET:
            raise SpecError(f"charset has {len(self.charset)} characters, at most {MAX_CHARSET}")
        repeated = sorted({c for c in self.charset if self.charset.count(c) > 1})
        if repeated:
            raise SpecError(f"charset repeats {''.join(repeated)!r}: list each character once")
        # Labels appear unchanged in file names, HTTP headers and zip members.
        invalid = sorted({c for c in self.charset if not ("!" <= c <= "~") or c in '/\\_."'})
        if invalid:
            raise SpecError(
                f"charset contains {''.join(invalid)!r}: a label can only contain printable ASCII"
                ' without space, / \\ _ . and "'
            )
        self._check_range("length", self.length, 1, MAX_LENGTH)
        if self.min_length is None:
            object.__setattr__(self, "min_length", self.length)  # so that equal specs compare equal
        self._check_range("min_length", self.min_length, 1, self.length)
        if self.style not in STYLES:
            raise SpecError(
                f"style must be {', '.join(STYLES[:-1])} or {STYLES[-1]}, not {self.style!r}"
            )
        if self.style not in LIBRARY_STYLES and (given := self.effects.to_dict()):
            raise SpecError(
                f"{', '.join(given)} cannot be set: the style {self.style} has no effects, only"
                f" {', '.join(LIBRARY_STYLES)}"
            )
        self._check_range("width", self.width, MIN_SIDE_PX, MAX_SIDE_PX)
        self._check_range("height", self.height, MIN_SIDE_PX, MAX_SIDE_PX)

    @staticmethod
    def _check_range(name: str, value: object, low: int, high: int) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise SpecError(f"{name} must be an integer from {low} to {high}, not {value!r}")

    @property
    def shortest(self) -> int:
        """The minimum length."""
        return self.length if self.min_length is None else self.min_length

    @property
    def length_range(self) -> str:
        """The length for messages: "4", or "4 to 6"."""
        return f"{self.shortest} to {self.length}" if self.is_variable else str(self.length)

    @property
    def is_variable(self) -> bool:
        """Whether the length varies."""
        return self.min_length != self.length

    @property
    def classes(self) -> int:
        """Classes per position: the characters and, if the length varies, the end of the text."""
        return len(self.charset) + self.is_variable

    def with_style(self, style: Style) -> Self:
        """Return the spec in another style, without effects if the style has none."""
        effects = self.effects if style in LIBRARY_STYLES else Effects()
        return replace(self, style=style, effects=effects)

    @property
    def fingerprint(self) -> str:
        """16 hex digits that are equal exactly when the specs are equal."""
        return fingerprint(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values, without optional fields that have their default."""
        values = asdict(self) | {"effects": self.effects.to_dict()}
        if not self.is_variable:
            del values["min_length"]
        if self.style == "current":
            del values["style"]
        if not values["effects"]:
            del values["effects"]
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the spec with these fields.

        Raises:
            SpecError: on unknown, missing or invalid fields.
        """
        known = {field.name for field in fields(cls)}
        if not known - _OPTIONAL_FIELDS <= set(values) <= known:
            required = ", ".join(sorted(known - _OPTIONAL_FIELDS))
            optional = ", ".join(sorted(_OPTIONAL_FIELDS))
            raise SpecError(
                f"a spec has the fields {required} and optionally {optional},"
                f" not {', '.join(sorted(values))}"
            )
        effects = values.get("effects", {})
        if not isinstance(effects, Mapping):
            raise SpecError(f"effects must be an object, not {effects!r}")
        return cls(**{**values, "effects": Effects.from_dict(effects)})

    def check_text(self, text: str) -> None:
        """Check that a captcha of this spec can show a text.

        Raises:
            SpecError: if it cannot.
        """
        if not self.shortest <= len(text) <= self.length:
            raise SpecError(
                f"text has {len(text)} characters, a captcha here has {self.length_range}"
            )
        unknown = sorted(set(text) - set(self.charset))
        if unknown:
            raise SpecError(
                f"text contains {''.join(unknown)!r}, which is not in the charset {self.charset!r}"
            )
