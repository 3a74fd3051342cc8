"""Parsing of request bodies: content type and bytes to the bytes of the image."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from pydantic import ValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from inference_service.errors import InvalidRequest, UnsupportedContentType
from shared.schemas import PredictRequest, describe_validation_errors

MAX_PARTS = 20
_BOUNDARY = re.compile(rb"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")  # RFC 2046, 5.1.1
_USAGE = (
    "send the image as multipart field 'image'"
    ' or as JSON {"image": "<base64>"} with Content-Type: application/json'
)


@dataclass(frozen=True)
class RequestBody:
    """A complete request body that has not been parsed."""

    content_type: str
    content: bytes


def extract_image(body: RequestBody) -> bytes:
    """Return the encoded image of a multipart or JSON body.

    Raises:
        InvalidRequest: if there is no image or the body is malformed.
        UnsupportedContentType: if the body is neither multipart nor JSON.
    """
    media_type = body.content_type.partition(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        image = _extract_from_form(body)
    elif media_type == "application/json":
        image = _extract_from_json(body.content)
    elif not media_type and not body.content:
        raise InvalidRequest(f"the request contains no image: {_USAGE}")
    else:
        shown = media_type[:80] or "a body without Content-Type"
        raise UnsupportedContentType(f"{shown} is not supported: {_USAGE}")
    if not image:
        raise InvalidRequest(f"the image is empty: {_USAGE}")
    return image


class _Form:
    """The parts of a multipart body. The parser calls the methods.

    python-multipart's FormParser offers the same with less code. It takes 1.5 times as long, and
    its callbacks are reference cycles, which keep each body in memory until the garbage collector
    runs. Starlette's form parser takes 3 times as long.
    """

    def __init__(self) -> None:
        self.image: bytes | None = None
        self.image_is_text = False
        self.is_complete = False
        self._parts = 0
        self._content: list[bytes] = []
        self._header_name = b""
        self._header_value = b""
        self._disposition = b""

    def parse(self, boundary: bytes, content: bytes) -> None:
        """Parse a complete body.

        Raises:
            FormParserError: if the body is malformed.
        """
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_part_data": self._add_content,
                "on_part_end": self._end_part,
                "on_header_begin": self._begin_header,
                "on_header_field": self._add_header_name,
                "on_header_value": self._add_header_value,
                "on_header_end": self._end_header,
                "on_end": self._finish,
            },
        )
        parser.write(content)
        parser.finalize()

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise FormParserError(f"more than {MAX_PARTS} parts")
        self._content = []
        self._disposition = b""

    def _add_content(self, data: bytes, start: int, end: int) -> None:
        self._content.append(data[start:end])

    def _end_part(self) -> None:
        options = parse_options_header(self._disposition)[1]
        if options.get(b"name") != b"image":
            return
        if b"filename" not in options:
            self.image_is_text = True
        elif self.image is None:
            self.image = b"".join(self._content)

    def _begin_header(self) -> None:
        self._header_name = self._header_value = b""

    def _add_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _add_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value

    def _finish(self) -> None:
        self.is_complete = True


def _extract_from_form(body: RequestBody) -> bytes:
    # Only the boundary is used. The parameter `charset` would let the client select any codec of
    # Python, some of which always fail or take minutes.
    boundary = parse_options_header(body.content_type)[1].get(b"boundary", b"")
    if not _BOUNDARY.fullmatch(boundary):
        raise InvalidRequest(f"the form is invalid (no valid boundary in Content-Type): {_USAGE}")
    form = _Form()
    try:
        form.parse(boundary, body.content)
    except FormParserError as error:
        raise InvalidRequest(f"the form is invalid ({error}): {_USAGE}") from error
    if not form.is_complete:
        raise InvalidRequest(f"the form is truncated or not multipart: {_USAGE}")
    if form.image is not None:
        return form.image
    if form.image_is_text:
        raise InvalidRequest("the field 'image' is text; send a file (curl -F image=@...)")
    raise InvalidRequest(f"the form has no field 'image': {_USAGE}")


def _extract_from_json(content: bytes) -> bytes:
    try:
        encoded = PredictRequest.model_validate_json(content).image
    except ValidationError as error:
        problems = describe_validation_errors(error.errors())
        raise InvalidRequest(f"{problems}; {_USAGE}") from error
    # Browsers produce data URLs, and command line tools wrap lines.
    encoded = encoded.partition(";base64,")[2] if encoded.startswith("data:") else encoded
    try:
        return base64.b64decode("".join(encoded.split()), validate=True)
    except ValueError as error:
        raise InvalidRequest(f"the image is not valid base64: {error}") from error
