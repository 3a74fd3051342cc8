"""Route for the captcha of pictures: choose those that show a word."""

from __future__ import annotations

import base64

from fastapi import APIRouter, Response

from generator_service.rendering.seeded_random import generate_seed
from generator_service.routes.dependencies import AppServices, Seed
from shared.http.schemas import PicturesBody

router = APIRouter()


@router.get("/captcha/pictures")
async def captcha_pictures(
    services: AppServices, response: Response, seed: Seed = None
) -> PicturesBody:
    """Return a word and eight tiles, with the positions of those that show it."""
    chosen = generate_seed() if seed is None else seed
    question = await services.pool.draw_question(chosen)
    services.metrics.record_rendered("pictures")
    response.headers["Cache-Control"] = "no-store"
    return PicturesBody(
        question=question.word,
        tiles=[base64.b64encode(tile).decode("ascii") for tile in question.tiles],
        answer=question.answer,
        words=list(question.words),
        seed=chosen,
    )
