"""Request and response bodies, as they travel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class CaptchaBody(BaseModel):
    """Answer of `GET /captcha`; can be posted to `/predict` as it is."""

    text: str
    image: str
    """The PNG in base64."""
    seed: int
    spec: dict[str, Any]


class SpecBody(BaseModel):
    """Answer of `GET /captcha/spec`: what this generator draws, and with what."""

    spec: dict[str, Any]
    fingerprint: str
    drawing: dict[str, Any]
    """Versions of the drawing libraries and digests of the fonts."""
    drawing_fingerprint: str = Field(pattern="^[0-9a-f]{16}$")
    """Equal exactly when the same seed gives the same pixels."""


class PredictRequest(BaseModel):
    """JSON body of `POST /predict`; other fields are ignored, as a captcha's own are."""

    model_config = ConfigDict(extra="ignore", strict=True)

    image: str
    """The image in base64."""


class CharacterConfidence(BaseModel):
    """One read character with its probability, 0 to 1."""

    character: str
    confidence: float


class PredictDetails(BaseModel):
    """What `?details=1` adds."""

    characters: list[CharacterConfidence]
    confidence: float
    """Probability of the whole text: the product over all positions."""
    version: int
    engine: str
    decode_ms: float
    """Upload to pixels; like model_ms, of the whole batch that this image was read in."""
    model_ms: float
    batch: int
    """Images read together."""


class PredictBody(BaseModel):
    """Answer of `POST /predict`, the course's three fields in every case."""

    success: bool
    prediction: str
    debug: str
    details: PredictDetails | None = None


class ProblemBody(BaseModel):
    """What every other route answers when something is wrong."""

    detail: str


def describe_invalid(errors: Iterable[Mapping[str, Any]]) -> str:
    """One sentence for pydantic's list of errors: "count: Input should be ..., not 0"."""
    parts = []
    for error in errors:
        name = ".".join(str(part) for part in error["loc"] if part not in ("query", "body"))
        given = error.get("input")
        shown = f", not {given!r}" if isinstance(given, str | int | float) else ""
        parts.append(f"{name or 'request'}: {error['msg']}{shown if len(shown) < 80 else ''}")
    return "; ".join(parts)
