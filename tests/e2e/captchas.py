"""Captchas from the gateway, and predictions for them."""

from __future__ import annotations

import io
import zipfile

import httpx

from shared.captchas.spec import Style


def predict(client: httpx.Client, png: bytes) -> httpx.Response:
    """Send an image to `/predict`."""
    return client.post("/predict", files={"image": ("captcha.png", png, "image/png")})


def fetch_captchas(
    client: httpx.Client, count: int, style: Style = "current"
) -> list[tuple[str, bytes]]:
    """Return new labelled captchas; without a seed, no training has seen them."""
    query: dict[str, str | int] = {"count": count, "style": style}
    response = client.get("/dataset", params=query, timeout=120).raise_for_status()
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        return [(name.split("_")[0], archive.read(name)) for name in archive.namelist()]
