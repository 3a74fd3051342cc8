"""Responses that a client revalidates with the ETag of its copy."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fastapi.responses import Response

from shared.http.static_files import REVALIDATE, format_etag, is_current


def respond_unless_current(
    read: Callable[[], bytes],
    sha256: str,
    if_none_match: str,
    media_type: str,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a file, or 304 without reading it if the client has it.

    Args:
        read: returns the content.
        sha256: of the content.
        if_none_match: the header of the request; empty without one.
        media_type: the `Content-Type`.
        headers: further headers.
    """
    sent = {"ETag": format_etag(sha256), "Cache-Control": REVALIDATE, **(headers or {})}
    if is_current(sent["ETag"], if_none_match):
        return Response(status_code=304, headers=sent)
    return Response(read(), media_type=media_type, headers=sent)
