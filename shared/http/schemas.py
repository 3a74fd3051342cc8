"""Request and response bodies of the HTTP APIs."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

MAX_BATCH_IMAGES = 64
"""Images in one request to `POST /predict/batch`."""


class CaptchaBody(BaseModel):
    """Response of `GET /captcha`; it can be posted to `/predict` unchanged."""

    text: str
    image: str
    """PNG in base64."""
    seed: int
    spec: dict[str, Any]


class PicturesBody(BaseModel):
    """Response of `GET /captcha/pictures`: a question, its tiles, and the label."""

    question: str
    """What the right tiles show."""
    tiles: list[str]
    """PNGs in base64."""
    answer: list[int]
    """Positions of the right tiles, from 0, in order."""
    words: list[str]
    """What each tile shows."""
    seed: int


class SpecBody(BaseModel):
    """Response of `GET /captcha/spec`: the captchas that this generator renders."""

    spec: dict[str, Any]
    fingerprint: str
    renderer: dict[str, Any]
    """Versions of the rendering libraries and digests of the fonts."""
    renderer_fingerprint: str = Field(pattern="^[0-9a-f]{16}$")
    """Equal exactly when `renderer` is equal. The same seed then gives the same pixels."""


class PredictRequest(BaseModel):
    """JSON body of `POST /predict`; other fields, such as those of a captcha, are ignored."""

    model_config = ConfigDict(extra="ignore", strict=True)

    image: str
    """The image in base64, in the standard or the URL-safe alphabet."""


class PredictBatchRequest(BaseModel):
    """JSON body of `POST /predict/batch`; other fields are ignored."""

    model_config = ConfigDict(extra="ignore", strict=True)

    images: list[str] = Field(min_length=1, max_length=MAX_BATCH_IMAGES)
    """The images in base64, in the standard or the URL-safe alphabet."""


class RestrictionBody(BaseModel):
    """What a predicted text can be."""

    charset: str
    min_length: int
    max_length: int


class CharacterConfidence(BaseModel):
    """A predicted character with its probability among the allowed ones, 0 to 1."""

    character: str
    confidence: float


class PredictDetails(BaseModel):
    """What `?details=1` adds to a prediction."""

    characters: list[CharacterConfidence]
    confidence: float
    """Probability that the whole text is correct, 0 to 1."""
    restriction: RestrictionBody
    """What the text could be."""
    version: int
    engine: str
    decode_ms: float
    """Time to decode the images of the batch."""
    model_ms: float
    """Time to predict the batch."""
    batch_size: int
    """Images that were predicted together."""


class PredictBody(BaseModel):
    """Response of `POST /predict`: the course's three fields, for failures too."""

    success: bool
    prediction: str
    debug: str
    details: PredictDetails | None = None


class PredictBatchBody(BaseModel):
    """Response of `POST /predict/batch`.

    An object, like every other response, errors included: a client always parses the same kind of
    JSON, and later fields do not break it. `results` answers `images` of the request.
    """

    results: list[PredictBody]
    """One per image, in the order of the request. An image that cannot be predicted has `success`
    false and the reason in `debug`; it does not affect the others."""


class ErrorBody(BaseModel):
    """Error response of every other route."""

    detail: str
