"""The web page as files with their routes."""

from __future__ import annotations

from pathlib import Path

from shared.http.static_files import StaticFile

PAGE_DIR = Path(__file__).parent / "page"
_INDEX = "index.html"
_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
# Nothing from another origin, no inline scripts or styles. `data:` and `blob:` are captchas and the
# visitor's own pictures.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:;"
    " media-src blob:; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)


def read_page(directory: Path = PAGE_DIR) -> dict[str, StaticFile]:
    """Return the files of the page by path: "", and for example "page/views/try.js".

    Raises:
        KeyError: if a file has an unknown suffix.
    """
    files = {}
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        name = path.relative_to(directory).as_posix()
        if name.startswith(".") or "/." in name:  # of an editor or a file manager
            continue
        media_type = _MEDIA_TYPES[path.suffix]
        route = "" if name == _INDEX else f"page/{name}"
        files[route] = StaticFile(
            path.read_bytes(), media_type, {"Content-Security-Policy": _POLICY}
        )
    return files
