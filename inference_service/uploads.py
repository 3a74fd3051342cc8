"""Request -> bytes of the image, from a multipart field or base64 in JSON.

Nothing here touches the disk: a multipart part is only written to a file when it is larger
than 1 MB, and the application takes no body of that size.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncGenerator

from pydantic import ValidationError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from shared.wire import PredictRequest, describe_invalid

MAX_BODY_BYTES = 1_000_000
MAX_BYTES_IN_FLIGHT = 64_000_000
UPLOAD_TIMEOUT_S = 10.0
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")  # RFC 2046, 5.1.1
HOW = (
    "send the image as multipart field 'image'"
    ' or as JSON {"image": "<base64>"} with Content-Type: application/json'
)


class Uploads:
    """Reads images out of requests, bounded in size, time and number."""

    def __init__(
        self,
        max_bytes_in_flight: int = MAX_BYTES_IN_FLIGHT,
        timeout_s: float = UPLOAD_TIMEOUT_S,
    ) -> None:
        self._max_bytes_in_flight = max_bytes_in_flight
        self._timeout_s = timeout_s
        self._bytes_in_flight = 0

    async def read_image_bytes(self, request: Request) -> bytes:
        """The image as it was sent.

        Raises HTTPException with a sentence: 400, 408, 413, 415 or 503.
        """
        full_type = request.headers.get("content-type", "")
        content_type = full_type.partition(";")[0].strip().lower()
        body = await self._read_body(request)
        if content_type == "multipart/form-data":
            data = await _from_form(full_type, body)
        elif content_type == "application/json":
            data = _from_json(body)
        elif not content_type and not body:
            raise HTTPException(400, f"no image received: {HOW}")
        else:
            shown = content_type[:80] or "a body without a type"
            raise HTTPException(415, f"cannot take {shown}: {HOW}")
        if not data:
            raise HTTPException(400, f"the image is empty: {HOW}")
        return data

    async def _read_body(self, request: Request) -> bytes:
        too_large = HTTPException(
            413, f"the request has more than the {MAX_BODY_BYTES:,} bytes taken"
        )
        announced = request.headers.get("content-length", "0")
        if announced.isdecimal() and int(announced) > MAX_BODY_BYTES:
            raise too_large
        body = bytearray()
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
        finally:
            self._bytes_in_flight -= len(body)
        return bytes(body)


async def _from_form(content_type: str, body: bytes) -> bytes:
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"").decode("latin-1")
    if not _BOUNDARY.fullmatch(boundary):
        raise HTTPException(400, f"the form cannot be read (it names no boundary): {HOW}")
    # Of the header only the boundary: a charset would let the client choose any of Python's
    # codecs, some of which fail on purpose or take minutes.
    headers = Headers({"content-type": f'multipart/form-data; boundary="{boundary}"'})

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        form = await MultiPartParser(headers, stream(), max_files=4, max_fields=16).parse()
    except (MultiPartException, KeyError, UnicodeError) as error:
        raise HTTPException(400, f"the form cannot be read ({error}): {HOW}") from error
    try:
        field = form.get("image")
        if field is None:
            raise HTTPException(400, f"the form has no field 'image': {HOW}")
        if not isinstance(field, UploadFile):
            raise HTTPException(400, "the field 'image' is text; send a file (curl -F image=@...)")
        return await field.read()
    finally:
        await form.close()


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
