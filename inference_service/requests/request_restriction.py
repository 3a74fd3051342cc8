"""The restriction that a request asks for: query parameters of the prediction routes."""

from __future__ import annotations

from typing import Any, Self

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from inference_service.errors import InvalidRestriction
from shared.captchas.restriction import Restriction
from shared.captchas.spec import CaptchaSpec

_MAX_SHOWN = 20


class RestrictionQuery(BaseModel):
    """Query parameters that restrict the prediction; None means not given."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    charset: str | None = Field(
        default=None,
        description="Characters that the text can contain, all known to the active version;"
        " repeated ones count once. The default is `restriction.charset` of `GET /model`.",
    )
    length: int | None = Field(
        default=None, description="Number of characters. It excludes `min_length` and `max_length`."
    )
    min_length: int | None = Field(
        default=None,
        description="Minimum number of characters. If none of the three lengths is given, the"
        " lengths are those of `restriction` of `GET /model`.",
    )
    max_length: int | None = Field(
        default=None,
        description="Maximum number of characters. If only one of `min_length` and `max_length` is"
        " given, the other one is what the active version can predict.",
    )

    @classmethod
    def read(cls, request: Request) -> Self:
        """Return the parameters of a request.

        FastAPI's own parameters would take 30 µs per request, even if none of them is given.

        Raises:
            RequestValidationError: if a length is not an integer.
        """
        if not request.scope["query_string"]:
            return cls()
        try:
            return cls.model_validate(dict(request.query_params))
        except ValidationError as error:
            raise RequestValidationError(error.errors()) from None

    @classmethod
    def describe(cls) -> list[dict[str, Any]]:
        """Return the parameters for the OpenAPI document."""
        types = {"charset": "string"}
        return [
            {
                "name": name,
                "in": "query",
                "required": False,
                "description": field.description,
                "schema": {"type": types.get(name, "integer")},
            }
            for name, field in cls.model_fields.items()
        ]

    def restrict(self, spec: CaptchaSpec, default: Restriction) -> Restriction:
        """Return the restriction of a request.

        A parameter replaces its part of the default: `charset` the characters, and any of the
        others the lengths.

        Args:
            spec: the captchas that the model predicts.
            default: the restriction of requests without parameters.

        Raises:
            InvalidRestriction: if the model does not predict such texts.
        """
        charset = default.charset if self.charset is None else self._check_charset(spec)
        shortest, longest = default.min_length, default.max_length
        if (self.length, self.min_length, self.max_length) != (None, None, None):
            shortest, longest = self._check_lengths(spec)
        return Restriction(charset, shortest, longest)

    def _check_charset(self, spec: CaptchaSpec) -> str:
        wanted = set(self.charset or "")
        if not wanted:
            raise InvalidRestriction("charset must contain at least one character")
        if unknown := "".join(sorted(wanted - set(spec.charset))):
            shown = unknown if len(unknown) <= _MAX_SHOWN else f"{unknown[:_MAX_SHOWN]}..."
            raise InvalidRestriction(
                f"charset contains {shown!r}; the active version predicts {spec.charset!r}"
            )
        # In the order of the spec, so that equal restrictions compare equal.
        return "".join(character for character in spec.charset if character in wanted)

    def _check_lengths(self, spec: CaptchaSpec) -> tuple[int, int]:
        if self.length is not None:
            if (self.min_length, self.max_length) != (None, None):
                raise InvalidRestriction("length excludes min_length and max_length")
            _check_length("length", self.length, spec)
            return self.length, self.length
        shortest, longest = spec.shortest, spec.length
        if self.min_length is not None:
            _check_length("min_length", self.min_length, spec)
            shortest = self.min_length
        if self.max_length is not None:
            _check_length("max_length", self.max_length, spec)
            longest = self.max_length
        if shortest > longest:
            raise InvalidRestriction(f"min_length {shortest} is more than max_length {longest}")
        return shortest, longest


def _check_length(name: str, value: int, spec: CaptchaSpec) -> None:
    if not spec.shortest <= value <= spec.length:
        raise InvalidRestriction(
            f"{name} is {value}; the active version predicts {spec.length_range} characters"
        )
