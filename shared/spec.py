"""What a captcha is: its characters, its length and its size in pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from shared.fingerprint import fingerprint

MAX_LENGTH = 16
MAX_CHARSET = 94  # printable ASCII without blank
MIN_SIDE_PX = 16
MAX_SIDE_PX = 1000
CURRENT, CLASSIC = "current", "classic"
DRAWINGS = (CURRENT, CLASSIC)
_LATER = frozenset({"min_length", "drawing"})


class SpecError(ValueError):
    """A captcha spec, or a text meant for one, that cannot be."""


@dataclass(frozen=True)
class CaptchaSpec:
    """The agreement between the program that draws captchas and the one that reads them.

    charset: the characters that can appear, each once; the position is the class index.
    length: characters per captcha; the most, if there can be fewer.
    width, height: size of the image in pixels.
    min_length: the fewest characters; None, which becomes `length`, if all have as many.
    drawing: `current`, as captcha 0.7.1 draws, or `classic`, with the stronger warp of 0.7.0 and
    before.

    Raises SpecError, with one sentence that names the field and the value, if it cannot be.
    """

    charset: str = "0123456789"
    length: int = 4
    width: int = 160
    height: int = 60
    min_length: int | None = None
    drawing: str = CURRENT

    def __post_init__(self) -> None:
        if not isinstance(self.charset, str) or not self.charset:
            raise SpecError("charset must hold at least one character")
        if len(self.charset) > MAX_CHARSET:
            raise SpecError(f"charset has {len(self.charset)} characters, at most {MAX_CHARSET}")
        repeated = sorted({c for c in self.charset if self.charset.count(c) > 1})
        if repeated:
            raise SpecError(f"charset repeats {''.join(repeated)!r}: each character may stand once")
        # File names, HTTP headers and zip members carry labels as they are.
        unprintable = sorted({c for c in self.charset if not ("!" <= c <= "~") or c in '/\\_."'})
        if unprintable:
            raise SpecError(
                f"charset holds {''.join(unprintable)!r}: only printable ASCII"
                ' without blank, / \\ _ . and " can be a label'
            )
        self._check_range("length", self.length, 1, MAX_LENGTH)
        if self.min_length is None:
            object.__setattr__(self, "min_length", self.length)  # one way to say it: equal specs
        self._check_range("min_length", self.min_length, 1, self.length)
        if self.drawing not in DRAWINGS:
            raise SpecError(f"drawing must be {' or '.join(DRAWINGS)}, not {self.drawing!r}")
        self._check_range("width", self.width, MIN_SIDE_PX, MAX_SIDE_PX)
        self._check_range("height", self.height, MIN_SIDE_PX, MAX_SIDE_PX)

    @staticmethod
    def _check_range(name: str, value: object, low: int, high: int) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise SpecError(f"{name} must be a whole number from {low} to {high}, not {value!r}")

    @property
    def shortest(self) -> int:
        """The fewest characters; `min_length` without the None that only a caller may give."""
        return self.length if self.min_length is None else self.min_length

    @property
    def lengths(self) -> str:
        """How many characters there can be, for people: "4", or "4 to 6"."""
        return f"{self.shortest} to {self.length}" if self.is_variable else str(self.length)

    @property
    def is_variable(self) -> bool:
        """Whether captchas differ in length."""
        return self.min_length != self.length

    @property
    def classes(self) -> int:
        """What can stand at a position: the characters and, if lengths differ, nothing."""
        return len(self.charset) + self.is_variable

    @property
    def fingerprint(self) -> str:
        """16 hex digits: equal exactly when the specs are equal, on every machine and version."""
        return fingerprint(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON can carry them; `from_dict` takes them back.

        Those that came later are left out where they say nothing new: what was written and
        named before they came stays equal to what is written now.
        """
        values = asdict(self)
        if not self.is_variable:
            del values["min_length"]
        if self.drawing == CURRENT:
            del values["drawing"]
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Raises SpecError on unknown, missing or impossible fields."""
        known = {field.name for field in fields(cls)}
        if not known - _LATER <= set(values) <= known:
            raise SpecError(
                f"a spec has the fields {', '.join(sorted(known - _LATER))} and perhaps"
                f" {', '.join(sorted(_LATER))}, not {', '.join(sorted(values))}"
            )
        return cls(**values)

    def check_text(self, text: str) -> None:
        """Raises SpecError if no captcha of this spec can show `text`."""
        if not self.shortest <= len(text) <= self.length:
            raise SpecError(f"text has {len(text)} characters, a captcha here has {self.lengths}")
        foreign = sorted(set(text) - set(self.charset))
        if foreign:
            raise SpecError(
                f"text holds {''.join(foreign)!r}, which is not in the charset {self.charset!r}"
            )
