"""Routes for programs on the same network: captchas of any spec. The gateway blocks them.

A whole spec can be expensive to render and names fonts, so clients outside do not choose it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from generator_service.datasets.dataset_streams import ArchiveFormat, DatasetRequest
from generator_service.rendering.seeded_random import MAX_SEED
from generator_service.rendering.spec_check import check_renderable
from generator_service.requests.spec_description import describe_spec
from generator_service.routes.datasets import stream_archive
from generator_service.routes.dependencies import AppServices, Services
from shared.captchas.spec import CaptchaSpec
from shared.http.schemas import SpecBody

# MAX_DATASET is for clients. The trainer asks for 4,000 captchas at a time.
MAX_COUNT = 100_000


class SpecRequest(BaseModel):
    """Captchas to describe."""

    model_config = ConfigDict(extra="forbid", strict=True)

    spec: dict[str, Any]
    """Fields of a captcha spec, as `GET /captcha/spec` returns them."""


class DatasetBody(SpecRequest):
    """Captchas start..start+count-1 of a spec and a seed."""

    count: int = Field(ge=1, le=MAX_COUNT)
    seed: int = Field(ge=0, le=MAX_SEED)
    start: int = Field(0, ge=0, le=MAX_SEED)
    format: ArchiveFormat = "npz"


router = APIRouter(prefix="/internal", include_in_schema=False)


@router.post("/spec")
async def describe(body: SpecRequest, services: AppServices) -> SpecBody:
    """Check that this generator can render a spec, and return it with its renderer."""
    spec = await _read_spec(body, services)
    return await asyncio.to_thread(describe_spec, services.pool, spec)


@router.post("/dataset", response_class=StreamingResponse)
async def stream_dataset(body: DatasetBody, services: AppServices) -> StreamingResponse:
    """Stream captchas of any spec while they are rendered."""
    spec = await _read_spec(body, services)
    await asyncio.to_thread(services.pool.describe_renderer, spec)  # reads the fonts once
    request = DatasetRequest(spec, body.seed, body.start, body.count, body.format)
    return await stream_archive(services, services.internal_streams, request)


async def _read_spec(body: SpecRequest, services: Services) -> CaptchaSpec:
    """Return the spec of a request.

    Raises:
        SpecError: if it is invalid.
        IllegibleText: if the generator cannot show every text of it.
        UnknownFont: if it names a font that the generator does not have.
    """
    spec = CaptchaSpec.from_dict(body.spec)
    # Off the event loop: it renders each character in each font.
    await asyncio.to_thread(check_renderable, spec, services.pool.options)
    return spec
