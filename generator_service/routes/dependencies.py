"""Dependencies of the routes: the objects of the application and the shared query parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import Depends, Query, Request

from generator_service.dataset_streams import DatasetStreams
from generator_service.metrics import Metrics
from generator_service.readiness import Readiness
from generator_service.seeded_random import MAX_SEED
from generator_service.worker_pool import WorkerPool
from shared.schemas import ErrorBody
from shared.spec import CaptchaSpec, Style

UNAVAILABLE: dict[int | str, dict[str, Any]] = {
    503: {
        "model": ErrorBody,
        "description": "Not ready or overloaded. Retry-After says when to retry.",
    }
}

Seed = Annotated[
    int | None,
    Query(ge=0, le=MAX_SEED, description="The same seed gives the same captcha, byte for byte."),
]


# async: FastAPI runs plain functions in a thread, which costs more than these take.
async def _get_pool(request: Request) -> WorkerPool:
    pool: WorkerPool = request.app.state.pool
    return pool


async def _get_metrics(request: Request) -> Metrics:
    metrics: Metrics = request.app.state.metrics
    return metrics


async def _get_readiness(request: Request) -> Readiness:
    readiness: Readiness = request.app.state.readiness
    return readiness


async def _get_streams(request: Request) -> DatasetStreams:
    streams: DatasetStreams = request.app.state.streams
    return streams


Pool = Annotated[WorkerPool, Depends(_get_pool)]
AppMetrics = Annotated[Metrics, Depends(_get_metrics)]
AppReadiness = Annotated[Readiness, Depends(_get_readiness)]
Streams = Annotated[DatasetStreams, Depends(_get_streams)]


async def _choose_spec(
    pool: Pool,
    style: Annotated[
        Style | None,
        Query(
            description="Rendering style: `current` as captcha 0.7.1, `classic` with the stronger"
            " warp of 0.7.0 and older. The default is the style of the generator."
        ),
    ] = None,
) -> CaptchaSpec:
    return replace(pool.spec, style=style) if style else pool.spec


Spec = Annotated[CaptchaSpec, Depends(_choose_spec)]
