"""Routes for single captchas: PNG, JSON, audio, and the spec of the generator."""

from __future__ import annotations

import base64
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response

from generator_service.rendering.captcha_text import generate_text
from generator_service.rendering.seeded_random import generate_seed
from generator_service.requests.spec_description import describe_spec
from generator_service.routes.dependencies import AppServices, Seed, Style
from shared.captchas.spec import CaptchaSpec
from shared.http.schemas import CaptchaBody, SpecBody

router = APIRouter()

Text = Annotated[
    str | None, Query(description="The text to show. By default the seed determines it.")
]


def _describe_content(media_type: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {media_type: {}}}}


@router.get("/captcha/spec")
async def show_spec(services: AppServices) -> SpecBody:
    """Return the captchas that this generator renders and the versions of its renderer."""
    return describe_spec(services.pool, services.pool.spec)


@router.get("/captcha")
async def captcha_json(
    services: AppServices, text: Text = None, seed: Seed = None, style: Style = None
) -> CaptchaBody:
    """Return a captcha with its label; the body can be posted to `/predict` unchanged."""
    spec = await services.specs.choose(style)
    text, seed = _choose_text_and_seed(spec, text, seed)
    png = await _render_png(services, text, seed, spec)
    image = base64.b64encode(png).decode("ascii")
    return CaptchaBody(text=text, image=image, seed=seed, spec=spec.to_dict())


@router.get("/captcha.png", response_class=Response, responses=_describe_content("image/png"))
async def captcha_png(
    services: AppServices, text: Text = None, seed: Seed = None, style: Style = None
) -> Response:
    """Return a captcha as PNG, with its label in the header X-Captcha-Text."""
    spec = await services.specs.choose(style)
    text, seed = _choose_text_and_seed(spec, text, seed)
    png = await _render_png(services, text, seed, spec)
    return Response(png, media_type="image/png", headers=_label_headers(text, seed))


@router.get("/captcha.wav", response_class=Response, responses=_describe_content("audio/wav"))
async def captcha_wav(services: AppServices, text: Text = None, seed: Seed = None) -> Response:
    """Return a spoken captcha as WAV, with its label in the header X-Captcha-Text."""
    pool = services.pool
    text, seed = _choose_text_and_seed(pool.spec, text, seed)
    wav = await pool.render_audio(text, seed)
    services.metrics.record_rendered("wav")
    return Response(wav, media_type="audio/wav", headers=_label_headers(text, seed))


async def _render_png(services: AppServices, text: str, seed: int, spec: CaptchaSpec) -> bytes:
    png = await services.pool.render_png(text, seed, spec)
    services.metrics.record_rendered("png")
    return png


def _label_headers(text: str, seed: int) -> dict[str, str]:
    return {
        "X-Captcha-Text": text,
        "X-Captcha-Seed": str(seed),
        "Cache-Control": "no-store",
    }


def _choose_text_and_seed(spec: CaptchaSpec, text: str | None, seed: int | None) -> tuple[str, int]:
    chosen = generate_seed() if seed is None else seed
    return generate_text(spec, chosen, 0) if text is None else text, chosen
