"""Routes for single captchas: PNG, JSON, audio, and the spec of the generator."""

from __future__ import annotations

import base64
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from generator_service.captcha_text import generate_text
from generator_service.routes.dependencies import AppMetrics, Pool, Seed, Spec
from generator_service.seeded_random import generate_seed
from shared.schemas import CaptchaBody, SpecBody

router = APIRouter()


async def _choose_text_and_seed(
    pool: Pool,
    text: Annotated[
        str | None, Query(description="The text to show. By default the seed determines it.")
    ] = None,
    seed: Seed = None,
) -> tuple[str, int]:
    chosen = generate_seed() if seed is None else seed
    return generate_text(pool.spec, chosen, 0) if text is None else text, chosen


TextAndSeed = Annotated[tuple[str, int], Depends(_choose_text_and_seed)]


def _describe_content(media_type: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {media_type: {}}}}


@router.get("/captcha/spec")
async def show_spec(pool: Pool) -> SpecBody:
    """Return the captchas that this generator issues and the versions of its renderer."""
    return SpecBody(
        spec=pool.spec.to_dict(),
        fingerprint=pool.spec.fingerprint,
        renderer=pool.renderer,
        renderer_fingerprint=pool.renderer_fingerprint,
    )


@router.get("/captcha")
async def captcha_json(
    text_and_seed: TextAndSeed, spec: Spec, pool: Pool, metrics: AppMetrics
) -> CaptchaBody:
    """Return a captcha with its label; the body can be posted to `/predict` unchanged."""
    text, seed = text_and_seed
    png = await pool.render_png(text, seed, spec)
    metrics.record_rendered("png")
    image = base64.b64encode(png).decode("ascii")
    return CaptchaBody(text=text, image=image, seed=seed, spec=spec.to_dict())


@router.get("/captcha.png", response_class=Response, responses=_describe_content("image/png"))
async def captcha_png(
    text_and_seed: TextAndSeed, spec: Spec, pool: Pool, metrics: AppMetrics
) -> Response:
    """Return a captcha as PNG, with its label in the header X-Captcha-Text."""
    text, seed = text_and_seed
    png = await pool.render_png(text, seed, spec)
    metrics.record_rendered("png")
    return Response(png, media_type="image/png", headers=_label_headers(text, seed))


@router.get("/captcha.wav", response_class=Response, responses=_describe_content("audio/wav"))
async def captcha_wav(text_and_seed: TextAndSeed, pool: Pool, metrics: AppMetrics) -> Response:
    """Return a spoken captcha as WAV, with its label in the header X-Captcha-Text."""
    text, seed = text_and_seed
    wav = await pool.render_audio(text, seed)
    metrics.record_rendered("wav")
    return Response(wav, media_type="audio/wav", headers=_label_headers(text, seed))


def _label_headers(text: str, seed: int) -> dict[str, str]:
    return {
        "X-Captcha-Text": text,
        "X-Captcha-Seed": str(seed),
        "Cache-Control": "no-store",
    }
