"""The page that shows an OpenAPI document with Swagger UI, without other hosts or inline scripts.

All addresses are relative, so the same files work below every path: the page `docs` shows the
document `openapi.json` beside it.
"""

from __future__ import annotations

import html
from importlib.resources.abc import Traversable
from typing import Any

from shared.http.static_files import StaticFile

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="docs/favicon-32x32.png" type="image/png">
<link rel="stylesheet" href="docs/swagger-ui.css">
<script src="docs/swagger-ui-bundle.js" defer></script>
<script src="docs/start.js" defer></script>
</head>
<body>
<main id="swagger-ui"><noscript>This page needs JavaScript. It shows openapi.json.</noscript></main>
</body>
</html>
"""
# Without `validatorUrl: null`, Swagger UI sends the address of the document to another host.
_START = """\
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
"""
# Swagger UI shows icons from data URLs, and responses (images, sound) from blob URLs.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src 'self' data: blob:; media-src blob:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_JAVASCRIPT = "text/javascript; charset=utf-8"
_ASSETS = {
    "swagger-ui-bundle.js": _JAVASCRIPT,
    "swagger-ui.css": "text/css; charset=utf-8",
    "favicon-32x32.png": "image/png",
}


def declare_token(document: dict[str, Any]) -> dict[str, Any]:
    """Return an OpenAPI document that offers the API token which the gateway can demand."""
    components = document.get("components", {}) | {
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}
    }
    # Either nothing or a token: it depends on a setting of the gateway.
    return document | {"components": components, "security": [{}, {"token": []}]}


def build_api_docs(title: str, swagger_ui: Traversable) -> dict[str, StaticFile]:
    """Return the page and its files.

    Args:
        title: of the page.
        swagger_ui: directory with the distribution of Swagger UI.

    Returns:
        Files by path, relative to the directory of `openapi.json`; the page is `docs`.
    """
    page = _PAGE.format(title=html.escape(title)).encode()
    policy = {"Content-Security-Policy": _POLICY}
    files = {
        "docs": StaticFile(page, "text/html; charset=utf-8", policy),
        "docs/start.js": StaticFile(_START.encode(), _JAVASCRIPT),
    }
    for name, media_type in _ASSETS.items():
        files[f"docs/{name}"] = StaticFile((swagger_ui / name).read_bytes(), media_type)
    return files
