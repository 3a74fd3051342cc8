"""Request -> bytes of the image, from a multipart field or base64 in JSON.

Nothing here touches the disk: a body is kept in memory, whole, and is at most 1 MB.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from shared.schemas import PredictRequest, describe_invalid

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_BODY_BYTES = 1_000_000
MAX_BYTES_IN_FLIGHT = 64_000_000
UPLOAD_TIMEOUT_S = 10.0
MAX_PARTS = 20
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")  # RFC 2046, 5.1.1
HOW = (
    "send the image as multipart field 'image'"
    ' or as JSON {"image": "<base64>"} with Content-Type: application/json'
)


@dataclass(frozen=True)
class Upload:
    """A request's body, complete, not yet looked into."""

    content_type: str
    body: bytes

    def image_bytes(self) -> bytes:
        """The image as it was sent. Raises HTTPException with a sentence: 400 or 415."""
        kind = self.content_type.partition(";")[0].strip().lower()
        if kind == "multipart/form-data":
            data = _from_form(self.content_type, self.body)
        elif kind == "application/json":
            data = _from_json(self.body)
        elif not kind and not self.body:
            raise HTTPException(400, f"no image received: {HOW}")
        else:
            shown = kind[:80] or "a body without a type"
            raise HTTPException(415, f"cannot take {shown}: {HOW}")
        if not data:
            raise HTTPException(400, f"the image is empty: {HOW}")
        return data


class Uploads:
    """Receives bodies, bounded in size, time and number."""

    def __init__(
        self,
        max_bytes_in_flight: int = MAX_BYTES_IN_FLIGHT,
        timeout_s: float = UPLOAD_TIMEOUT_S,
    ) -> None:
        self._max_bytes_in_flight = max_bytes_in_flight
        self._timeout_s = timeout_s
        self._bytes_in_flight = 0

    @asynccontextmanager
    async def receive(self, request: Request) -> AsyncIterator[Upload]:
        """The whole body; it counts against the limit until the block ends.

        Raises HTTPException with a sentence: 400, 408, 413 or 503.
        """
        body = bytearray()
        size = 0
        try:
            try:
                await self._fill(body, request)
            finally:
                size = len(body)
            upload = Upload(request.headers.get("content-type", ""), bytes(body))
            body.clear()  # one copy is enough
            yield upload
        finally:
            self._bytes_in_flight -= size

    async def _fill(self, body: bytearray, request: Request) -> None:
        too_large = HTTPException(
            413, f"the request has more than the {MAX_BODY_BYTES:,} bytes taken"
        )
        announced = request.headers.get("content-length", "0")
        if announced.isdecimal() and int(announced) > MAX_BODY_BYTES:
            raise too_large
        try:
            async with asyncio.timeout(self._timeout_s):
                async for chunk in request.stream():
                    body += chunk
                    self._bytes_in_flight += len(chunk)
                    if len(body) > MAX_BODY_BYTES:
                        raise too_large
                    if self._bytes_in_flight > self._max_bytes_in_flight:
                        raise HTTPException(503, "too many uploads at once", {"Retry-After": "1"})
        except TimeoutError:
            raise HTTPException(
                408, f"the request did not arrive within {self._timeout_s:g} s"
            ) from None
        except ClientDisconnect:
            # Nobody is there to read this; it is counted as the client's error, not as ours.
            raise HTTPException(400, "the client went away") from None


class _Form:
    """The parts of a multipart body; the parser calls it as it goes.

    Starlette's own form reader would do the same in three times the time: it can also read a
    body that is still arriving, write large parts to files, and decode texts, none of which
    happens here.
    """

    def __init__(self) -> None:
        self.files: list[tuple[bytes, bytes]] = []
        self.text_names: set[bytes] = set()
        self.complete = False
        self._parts = 0
        self._data: list[bytes] = []
        self._field = b""
        self._value = b""
        self._disposition = b""

    def on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise FormParserError(f"it has more than {MAX_PARTS} parts")
        self._data = []
        self._disposition = b""

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._data.append(data[start:end])

    def on_part_end(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"")
        if b"filename" in options:
            self.files.append((name, b"".join(self._data)))
        else:
            self.text_names.add(name)

    def on_header_begin(self) -> None:
        self._field = self._value = b""

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._disposition = self._value

    def on_end(self) -> None:
        self.complete = True


def _from_form(content_type: str, body: bytes) -> bytes:
    _, options = parse_options_header(content_type)
    # Of the header only the boundary counts. Its charset is never looked at: it would let the
    # client choose any of Python's codecs, some of which fail on purpose or take minutes.
    boundary = options.get(b"boundary", b"")
    if not _BOUNDARY.fullmatch(boundary.decode("latin-1")):
        raise HTTPException(400, f"the form cannot be read (it names no boundary): {HOW}")
    form = _Form()
    callbacks: MultipartCallbacks = {
        "on_part_begin": form.on_part_begin,
        "on_part_data": form.on_part_data,
        "on_part_end": form.on_part_end,
        "on_header_begin": form.on_header_begin,
        "on_header_field": form.on_header_field,
        "on_header_value": form.on_header_value,
        "on_header_end": form.on_header_end,
        "on_end": form.on_end,
    }
    try:
        parser = MultipartParser(boundary, callbacks)
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise HTTPException(400, f"the form cannot be read ({error}): {HOW}") from error
    if not form.complete:
        raise HTTPException(400, f"the form is cut off or not one: {HOW}")
    for name, data in form.files:
        if name == b"image":
            return data
    if b"image" in form.text_names:
        raise HTTPException(400, "the field 'image' is text; send a file (curl -F image=@...)")
    raise HTTPException(400, f"the form has no field 'image': {HOW}")


def _from_json(body: bytes) -> bytes:
    try:
        encoded = PredictRequest.model_validate_json(body).image
    except ValidationError as error:
        raise HTTPException(400, f"{describe_invalid(error.errors())}; {HOW}") from error
    # Browsers hand out data URLs, command line tools wrap lines: both mean the same bytes.
    encoded = encoded.partition(";base64,")[2] if encoded.startswith("data:") else encoded
    try:
        return base64.b64decode("".join(encoded.split()), validate=True)
    except ValueError as error:
        raise HTTPException(400, f"the image is not base64: {error}") from error
