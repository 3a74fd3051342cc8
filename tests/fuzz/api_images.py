"""Schemathesis hook that puts images into requests.

Generated text is never an image, so without the hook every request would be rejected for the same
reason.
"""

from __future__ import annotations

import base64
import zlib
from functools import cache
from typing import Any

import schemathesis

from tests.fuzz.seed_images import encode_seed_images


@schemathesis.hook
def map_body(_: schemathesis.HookContext, body: Any) -> Any:
    """Replace two thirds of the generated images by real ones, as bytes or in base64."""
    if not isinstance(body, dict):
        return body
    return {
        name: _replace(value) if name in ("image", "images") else value
        for name, value in body.items()
    }


def _replace(generated: Any) -> Any:
    if isinstance(generated, list):
        return [_replace(each) for each in generated]
    if not isinstance(generated, str | bytes):
        return generated
    # The content decides, so that a run can be repeated with its seed.
    number = zlib.crc32(repr(generated).encode())
    if number % 3 == 0:
        return generated
    images = _seed_images()
    image = images[number // 3 % len(images)]
    return base64.b64encode(image).decode() if isinstance(generated, str) else image


@cache
def _seed_images() -> list[bytes]:
    return encode_seed_images()
