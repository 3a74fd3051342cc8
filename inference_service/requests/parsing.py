"""Parsing of request bodies: content type and bytes to the bytes of the images."""

from __future__ import annotations

import base64
import string
from dataclasses import dataclass
from typing import Literal, TypeVar

from pydantic import BaseModel, ValidationError

from inference_service.errors import InvalidRequest, UnsupportedContentType
from inference_service.requests.form import parse_form
from shared.http.schemas import MAX_BATCH_IMAGES, PredictBatchRequest, PredictRequest
from shared.validation_errors import describe_validation_errors

_USAGE = (
    "send the image as multipart field 'image'"
    ' or as JSON {"image": "<base64>"} with Content-Type: application/json'
)
_BATCH_USAGE = (
    "send the images as multipart fields 'image'"
    ' or as JSON {"images": ["<base64>", ...]} with Content-Type: application/json'
)
_TEXT_FIELD = "the field 'image' is text; send a file (curl -F image=@...)"
# Values in a JSON body, of which a request with 64 images has a few hundred. pydantic builds all of
# them before it counts the images, and 4 MB of nested lists would take 500 MB.
_MAX_JSON_VALUES = 10_000
# RFC 4648, sections 4 and 5, with the padding that both have.
_BASE64 = (string.ascii_letters + string.digits + "+/-_=").encode()
_WHITESPACE = string.whitespace.encode()

Body = TypeVar("Body", bound=BaseModel)


@dataclass(frozen=True)
class RequestBody:
    """A complete request body that has not been parsed."""

    content_type: str
    content: bytes


def is_json(content_type: str) -> bool:
    """Return whether the value of a header `Content-Type` is that of JSON."""
    return _find_media_type(content_type) == "application/json"


def extract_image(body: RequestBody) -> bytes:
    """Return the encoded image of a multipart or JSON body.

    Raises:
        InvalidRequest: if there is not exactly one image, or the body is malformed.
        UnsupportedContentType: if the body is neither multipart nor JSON.
    """
    if _find_kind(body, _USAGE) == "json":
        return _decode_base64(_parse_json(PredictRequest, body, _USAGE).image)
    images = _parse_form(body, _USAGE)
    files = [image for image in images if image is not None]
    if len(files) > 1:
        raise InvalidRequest(
            f"the form has {len(files)} fields 'image', and this route predicts one;"
            f" POST /predict/batch predicts up to {MAX_BATCH_IMAGES}"
        )
    if images and not files:
        raise InvalidRequest(_TEXT_FIELD)
    if not images:
        raise InvalidRequest(f"the form has no field 'image': {_USAGE}")
    return _require_bytes(files[0])


def extract_images(body: RequestBody) -> list[bytes | InvalidRequest]:
    """Return the encoded images of a multipart or JSON body in order.

    In place of an image that is empty, not a file or not valid base64 there is the error.

    Raises:
        InvalidRequest: if there is no image or more than MAX_BATCH_IMAGES, or the body is
            malformed.
        UnsupportedContentType: if the body is neither multipart nor JSON.
    """
    if _find_kind(body, _BATCH_USAGE) == "json":
        encoded = _parse_json(PredictBatchRequest, body, _BATCH_USAGE).images
        return [_decode_or_describe(text) for text in encoded]
    images = _parse_form(body, _BATCH_USAGE)
    if not images:
        raise InvalidRequest(f"the form has no field 'image': {_BATCH_USAGE}")
    if len(images) > MAX_BATCH_IMAGES:
        raise InvalidRequest(
            f"the form has {len(images)} images, more than the {MAX_BATCH_IMAGES} of a request;"
            " send several requests"
        )
    return [_describe_file(image) for image in images]


def _find_kind(body: RequestBody, usage: str) -> Literal["form", "json"]:
    media_type = _find_media_type(body.content_type)
    if media_type == "multipart/form-data":
        return "form"
    if is_json(body.content_type):
        return "json"
    if not media_type and not body.content:
        raise InvalidRequest(f"the request contains no image: {usage}")
    shown = media_type[:80] or "a body without Content-Type"
    raise UnsupportedContentType(f"{shown} is not supported: {usage}")


def _find_media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _parse_form(body: RequestBody, usage: str) -> list[bytes | None]:
    try:
        return parse_form(body.content_type, body.content)
    except InvalidRequest as error:
        raise InvalidRequest(f"{error}: {usage}") from error


def _parse_json(kind: type[Body], body: RequestBody, usage: str) -> Body:
    # Each value but the first follows one of these characters. Base64 contains none of them. In
    # other texts they are counted too, which only lowers the limit.
    if sum(map(body.content.count, (b"[", b"{", b",", b":"))) > _MAX_JSON_VALUES:
        raise InvalidRequest(f"the JSON has more than {_MAX_JSON_VALUES:,} values; {usage}")
    try:
        return kind.model_validate_json(body.content)
    except ValidationError as error:
        problems = describe_validation_errors(error.errors())
        raise InvalidRequest(f"{problems}; {usage}") from error


def _decode_base64(encoded: str) -> bytes:
    """Return the bytes of a text in base64 or its URL-safe alphabet, with or without padding."""
    # Browsers produce data URLs, and command line tools wrap lines.
    encoded = encoded.partition(";base64,")[2] if encoded.startswith("data:") else encoded
    # Python's lock is held meanwhile, and splitting megabytes of spaces would take long.
    text = encoded.encode().translate(None, _WHITESPACE)
    is_url_safe = b"-" in text or b"_" in text
    if is_url_safe and (b"+" in text or b"/" in text):
        raise InvalidRequest(
            "the image is not valid base64: it mixes '+' and '/' with '-' and '_' of the URL-safe"
            " alphabet"
        )
    padded = text + b"=" * (-len(text) % 4)
    try:
        image = base64.b64decode(padded, b"-_" if is_url_safe else None, validate=True)
    except ValueError as error:
        others = text.translate(None, _BASE64)[:4].decode(errors="ignore")
        problem = f"it contains {others[0]!r}" if others else error
        raise InvalidRequest(f"the image is not valid base64: {problem}") from error
    return _require_bytes(image)


def _require_bytes(image: bytes) -> bytes:
    if not image:
        raise InvalidRequest("the image is empty")
    return image


def _decode_or_describe(encoded: str) -> bytes | InvalidRequest:
    try:
        return _decode_base64(encoded)
    except InvalidRequest as error:
        # The traceback would keep the body in memory.
        return InvalidRequest(str(error))


def _describe_file(image: bytes | None) -> bytes | InvalidRequest:
    if image is None:
        return InvalidRequest(_TEXT_FIELD)
    return image or InvalidRequest("the image is empty")
