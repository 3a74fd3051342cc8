"""Files that a service keeps in memory and sends with an ETag."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from shared.http.middleware import Receive, Scope, Send

# A cached copy is used only after the service has confirmed its ETag, so an update is seen at once.
REVALIDATE = "no-cache"


class StaticFile:
    """ASGI app that responds to GET with the same bytes.

    Its ETag is the SHA-256 of the bytes, so all replicas send the same one.
    """

    def __init__(
        self, content: bytes, media_type: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """Create the app.

        Args:
            content: the body.
            media_type: the `Content-Type`.
            headers: further headers, for example `Content-Security-Policy`.
        """
        self._content = content
        self._etag = format_etag(hashlib.sha256(content).hexdigest())
        always = {"ETag": self._etag, "Cache-Control": REVALIDATE}
        described = {"Content-Type": media_type, "Content-Length": str(len(content))}
        self._not_modified = _encode(always | dict(headers or {}))
        self._headers = _encode(described) + self._not_modified

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file, or 304 if the client has it."""
        condition = dict(scope["headers"]).get(b"if-none-match", b"").decode("latin-1")
        if is_current(self._etag, condition):
            status, headers, body = 304, self._not_modified, b""
        else:
            status, headers, body = 200, self._headers, self._content
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def format_etag(sha256: str) -> str:
    """Return the `ETag` of a file with this checksum."""
    return f'"{sha256}"'


def is_current(etag: str, if_none_match: str) -> bool:
    """Return whether the client has the file.

    Args:
        etag: of the file.
        if_none_match: the header of the request, a list of ETags or `*`; empty without one.
    """
    # A proxy that compresses a response makes its ETag a weak one.
    known = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return etag in known or "*" in known


def _encode(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), v.encode("latin-1")) for name, v in headers.items()]
