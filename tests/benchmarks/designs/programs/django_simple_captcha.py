"""PyPI `django-simple-captcha` with the default settings, but another font."""

from __future__ import annotations

import io
import random
from types import SimpleNamespace

from PIL import Image

from tests.benchmarks.designs.programs.command import run


def draw(text: str, fonts: list[str], rng: random.Random) -> Image.Image:
    import django
    from django.conf import settings

    if not settings.configured:
        # The package's own font is an ancestor of DejaVu Sans, which the base was trained on.
        settings.configure(INSTALLED_APPS=["captcha"], CAPTCHA_FONT_PATH=fonts)
        django.setup()
    from captcha.views import _captcha_image

    response = _captcha_image(SimpleNamespace(challenge=text), scale=2)
    return Image.open(io.BytesIO(response.content))


if __name__ == "__main__":
    run(draw)
