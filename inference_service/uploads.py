"""Request -> bytes of the image, from a multipart field or base64 in JSON.

Nothing here touches the disk: a multipart part is only written to a file when it is larger
than 1 MB, and the application takes no body of that size.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncGenerator

from pydantic import ValidationError
from starlette.datastructures import Headers, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from shared.wire import PredictRequest, describe_invalid

MAX_BODY_BYTES = 1_000_000
HOW = (
    "send the image as multipart field 'image'"
    ' or as JSON {"image": "<base64>"} with Content-Type: application/json'
)


async def read_image_bytes(request: Request) -> bytes:
    """The image as it was sent. Raises HTTPException with a sentence: 400, 413 or 415."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await _read_body(request)
    if content_type == "multipart/form-data":
        data = await _from_form(request.headers, body)
    elif content_type == "application/json":
        data = _from_json(body)
    elif not content_type and not body:
        raise HTTPException(400, f"no image received: {HOW}")
    else:
        raise HTTPException(415, f"cannot take {content_type or 'a body without a type'}: {HOW}")
    if not data:
        raise HTTPException(400, f"the image is empty: {HOW}")
    return data


async def _read_body(request: Request) -> bytes:
    too_large = HTTPException(413, f"the request has more than the {MAX_BODY_BYTES:,} bytes taken")
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > MAX_BODY_BYTES:
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise too_large
    return bytes(body)


async def _from_form(headers: Headers, body: bytes) -> bytes:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        form = await MultiPartParser(headers, stream(), max_files=4, max_fields=16).parse()
    except (MultiPartException, KeyError) as error:
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
    except (binascii.Error, ValueError) as error:
        raise HTTPException(400, f"the image is not base64: {error}") from error
