"""A workspace whose captchas come from a generator in the same process."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from shared.captchas.spec import CaptchaSpec
from trainer.course.workspace import CourseWorkspace
from trainer.data.dataset_requests import CaptchaSource


class RenderingClient:
    """Renders what a generator would send, and keeps the requests."""

    def __init__(self, spec: CaptchaSpec) -> None:
        self._spec = spec
        self.requests: list[tuple[str, dict[str, str | int]]] = []

    def get(self, route: str, parameters: Mapping[str, str | int]) -> bytes:
        self.requests.append((route, dict(parameters)))
        seed = int(parameters["seed"])
        if route == "/captcha.png":
            return self._render(str(parameters["text"]), seed, 0)
        assert route == "/dataset"
        from generator_service.rendering.captcha_text import generate_text

        body = io.BytesIO()
        start = int(parameters["start"])
        with zipfile.ZipFile(body, "w") as archive:
            for index in range(start, start + int(parameters["count"])):
                text = generate_text(self._spec, seed, index)
                archive.writestr(f"{text}_{index}.png", self._render(text, seed, index))
        return body.getvalue()

    def _render(self, text: str, seed: int, index: int) -> bytes:
        from generator_service.rendering.image_renderer import render_png
        from generator_service.rendering.render_options import RenderOptions

        return render_png(self._spec, RenderOptions(), text, seed, index)


def build_workspace(directory: Path, spec: CaptchaSpec) -> tuple[CourseWorkspace, RenderingClient]:
    client = RenderingClient(spec)
    source = CaptchaSource(spec, {}, "renderer")
    return CourseWorkspace(directory, client, source, "tiny"), client  # type: ignore[arg-type]


def check_figure(file: Path) -> None:
    """Check that a figure has a size that can be read, and can be committed."""
    with Image.open(file) as image:
        assert image.format == "PNG"
        assert image.width >= 400
        assert image.height >= 200
        # More than one colour: something was drawn.
        assert len(image.convert("L").getcolors()) > 4
    assert file.stat().st_size < 300_000
