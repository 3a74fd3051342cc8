"""Route for datasets: an archive of labelled captchas, streamed while it is rendered."""

# Without `from __future__ import annotations`: FastAPI could not resolve the local name `Count`.

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from generator_service.datasets.dataset_streams import ArchiveFormat, DatasetRequest, DatasetStreams
from generator_service.datasets.paced_response import PacedResponse
from generator_service.rendering.seeded_random import MAX_SEED, generate_seed
from generator_service.requests.request_spec import restrict_charset
from generator_service.routes.dependencies import UNAVAILABLE, AppServices, Seed, Services, Style

Charset = Annotated[
    str | None, Query(description="A part of the generator's charset. The default is all of it.")
]


def create_router(max_dataset: int) -> APIRouter:
    """Return the router, which accepts at most `max_dataset` captchas per request."""
    router = APIRouter()
    Count = Annotated[int, Query(ge=1, le=max_dataset)]  # noqa: N806 - a type

    @router.get("/dataset", response_class=StreamingResponse, responses=UNAVAILABLE)
    async def stream_dataset(
        count: Count,
        services: AppServices,
        seed: Seed = None,
        start: Annotated[int, Query(ge=0, le=MAX_SEED)] = 0,
        archive_format: Annotated[ArchiveFormat, Query(alias="format")] = "zip",
        style: Style = None,
        charset: Charset = None,
    ) -> StreamingResponse:
        """Stream captchas start..start+count-1 of a seed while they are rendered."""
        spec = await services.specs.choose(style)
        if charset is not None:
            spec = restrict_charset(spec, charset)
        chosen = generate_seed() if seed is None else seed
        request = DatasetRequest(spec, chosen, start, count, archive_format)
        return await stream_archive(services, services.streams, request)

    return router


async def stream_archive(
    services: Services, streams: DatasetStreams, request: DatasetRequest
) -> StreamingResponse:
    """Return a response that streams a dataset, and is cut if the client reads it too slowly.

    Raises:
        TooManyDatasets: if as many datasets are being streamed as the service allows.
    """
    body = await streams.start(request)
    file_name = f"captchas-{request.seed}-{request.start}.{request.archive_format}"
    return PacedResponse(
        body,
        services.pace,
        services.metrics.record_cut,
        media_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{file_name}"',
            "X-Dataset-Seed": str(request.seed),
        },
    )
