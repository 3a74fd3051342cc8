"""Reception of request bodies into memory, with limits on size, time and total memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect, Request

from inference_service.errors import (
    InvalidRequest,
    RequestTimeout,
    RequestTooLarge,
    TooManyUploads,
)
from inference_service.requests.parsing import RequestBody, is_json
from shared.http.schemas import MAX_BATCH_IMAGES

MAX_BODY_BYTES = 1_000_000
"""Of an image, and of a form with one."""
# Base64 has four characters for three bytes. The rest is for the other characters of the JSON.
MAX_JSON_BODY_BYTES = MAX_BODY_BYTES * 4 // 3 + 1_000
# 64 kB for each image on average.
MAX_BATCH_BODY_BYTES = MAX_BATCH_IMAGES * 64_000
MAX_BYTES_IN_MEMORY = 64_000_000
MAX_INLINE_BYTES = 64_000
"""Of an ordinary captcha, which has about 12 kB in base64. Only larger bodies are rejected if all
bodies together exceed the limit, so that large uploads that stall do not block single captchas."""
UPLOAD_TIMEOUT_S = 10.0


def find_max_bytes(request: Request) -> int:
    """Return the limit for the body of a request with one image."""
    content_type = request.headers.get("content-type", "")
    return MAX_JSON_BODY_BYTES if is_json(content_type) else MAX_BODY_BYTES


class BodyReceiver:
    """Receives the bodies of one app's requests; nothing is written to disk.

    Args:
        max_bytes_in_memory: limit for all bodies together.
        timeout_s: how long a client can take to send a body.
    """

    def __init__(
        self,
        max_bytes_in_memory: int = MAX_BYTES_IN_MEMORY,
        timeout_s: float = UPLOAD_TIMEOUT_S,
    ) -> None:
        self._max_bytes_in_memory = max_bytes_in_memory
        self._timeout_s = timeout_s
        self._bytes_in_memory = 0

    @asynccontextmanager
    async def receive(self, request: Request, max_bytes: int) -> AsyncIterator[RequestBody]:
        """Yield the complete body, which counts against the limit of all until the block ends.

        Raises:
            RequestError: if the body is too large or too slow, or the client disconnected.
            TooManyUploads: if this one is large, and the bodies of all requests exceed the limit.
        """
        content = bytearray()
        size = 0
        try:
            try:
                await self._receive_into(content, request, max_bytes)
            finally:
                size = len(content)
            body = RequestBody(request.headers.get("content-type", ""), bytes(content))
            content.clear()  # do not keep a second copy during the prediction
            yield body
        finally:
            self._bytes_in_memory -= size

    async def _receive_into(self, content: bytearray, request: Request, max_bytes: int) -> None:
        too_large = RequestTooLarge(f"the request has more than {max_bytes:,} bytes")
        declared = request.headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > max_bytes:
            raise too_large
        try:
            async with asyncio.timeout(self._timeout_s):
                async for chunk in request.stream():
                    content += chunk
                    self._bytes_in_memory += len(chunk)
                    if len(content) > max_bytes:
                        raise too_large
                    is_large = len(content) > MAX_INLINE_BYTES
                    if is_large and self._bytes_in_memory > self._max_bytes_in_memory:
                        raise TooManyUploads("too many uploads at once; retry later")
        except TimeoutError:
            raise RequestTimeout(
                f"the request did not arrive within {self._timeout_s:g} s"
            ) from None
        except ClientDisconnect:
            # No client receives this response. It is counted as an error of the client.
            raise InvalidRequest("the client disconnected") from None
