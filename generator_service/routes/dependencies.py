"""Parameters of the routes: the services of the application and the shared query parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query, Request

from generator_service.datasets.dataset_streams import DatasetStreams
from generator_service.datasets.paced_response import Pace
from generator_service.metrics import Metrics
from generator_service.readiness import Readiness
from generator_service.rendering.seeded_random import MAX_SEED
from generator_service.requests.request_spec import RequestSpecs
from generator_service.worker_pool import WorkerPool
from shared.captchas.spec import Style as StyleName
from shared.http.schemas import ErrorBody

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
Style = Annotated[
    StyleName | None,
    Query(
        description="Rendering style: `current` as captcha 0.7.1, `classic` with the stronger warp"
        " of 0.7.0 and older, `vintage` like 0.2 with Pillow before 7, `synthetic` in many designs,"
        " `gimpy` with warped letters on a gradient, `line` crossed by one stroke, `crowded`."
        " The default is the style of the generator."
    ),
]


@dataclass(frozen=True)
class Services:
    """The objects that the routes of an application share."""

    pool: WorkerPool
    specs: RequestSpecs
    metrics: Metrics
    readiness: Readiness
    streams: DatasetStreams
    internal_streams: DatasetStreams
    pace: Pace


# async: FastAPI runs plain functions in a thread, which costs more than this takes.
async def _get_services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


# One dependency and not one per object: each adds about 15 us to every request.
AppServices = Annotated[Services, Depends(_get_services)]
