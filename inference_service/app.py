"""The inference service's routes, and the only place where its errors become HTTP answers."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from inference_service.batching import Batcher, QueueFull
from inference_service.metrics import Metrics
from inference_service.models import LoadedModel, ModelStore
from inference_service.reading import Job, read
from inference_service.settings import Settings
from inference_service.uploads import Uploads
from shared.images import ImageError, ImageTooLarge
from shared.logs import request_id
from shared.middleware import ObservedApp
from shared.schemas import PredictBody, PredictRequest, ProblemBody, describe_invalid

log = logging.getLogger(__name__)

FAILURES: dict[int | str, dict[str, Any]] = {
    status: {"model": PredictBody, "description": description}
    for status, description in {
        400: "No image in the request, or base64 that is none.",
        408: "The request did not arrive in time.",
        413: "A body of more than 1 MB or an image of more than a million pixels.",
        415: "Neither multipart nor JSON.",
        422: "Not an image, damaged, animated, or of another shape than the captchas known.",
        503: "No model yet, or too busy; Retry-After says when to come back.",
    }.items()
}
REQUEST_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image"],
                    "properties": {"image": {"type": "string", "format": "binary"}},
                }
            },
            "application/json": {"schema": PredictRequest.model_json_schema()},
        },
    }
}
# Longer than any good version takes; with a bad one it is better to be there and say so.
FIRST_LOOK_S = 10.0
NO_MODEL = "no model yet: the first training has not published a version"


def create_app(settings: Settings, store: ModelStore, uploads: Uploads | None = None) -> FastAPI:
    """The inference service as an ASGI application; it watches the store while it runs."""
    uploads = uploads or Uploads()

    def run(jobs: Sequence[Job]) -> Sequence[bytes | Exception]:
        # Asked once for all of them: no answer mixes versions, and none waits for a swap.
        answers, stages = read(current_model(), jobs)
        metrics.report_batch(stages)
        return answers

    batcher: Batcher[Job, bytes] = Batcher(
        run,
        threads=settings.threads,
        max_batch=settings.max_batch,
        max_delay_s=settings.batch_delay_s,
        max_waiting=settings.max_waiting,
    )
    metrics = Metrics(store, lambda: batcher.waiting)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        batcher.start()
        stop = threading.Event()
        watcher = threading.Thread(
            target=store.watch, args=(settings.poll_s, stop), name="watch", daemon=True
        )
        watcher.start()
        # The server listens after this. A gateway takes a new address for a working one until a
        # check fails: it should not meet a replica that has its model in a second.
        await asyncio.to_thread(store.looked.wait, FIRST_LOOK_S)
        try:
            yield
        finally:
            stop.set()
            batcher.stop()

    app = FastAPI(
        title="captcha-pipeline inference",
        description="Reads text captchas.",
        lifespan=lifespan,
    )
    app.state.draining = False  # set by the server when it is told to stop
    app.add_middleware(ObservedApp, report=metrics.report, log_requests=settings.log_requests)

    def failure(request: Request, status: int, why: str, headers: Any = None) -> Response:
        if request.url.path == "/predict":
            return JSONResponse({"success": False, "prediction": "", "debug": why}, status, headers)
        return JSONResponse({"detail": why}, status, headers)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        return failure(request, error.status_code, str(error.detail), error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return failure(request, 422, describe_invalid(error.errors()))

    @app.exception_handler(ImageError)
    async def bad_image(request: Request, error: ImageError) -> Response:
        return failure(request, 413 if isinstance(error, ImageTooLarge) else 422, str(error))

    @app.exception_handler(QueueFull)
    async def overloaded(request: Request, error: QueueFull) -> Response:
        metrics.queue_full.inc()
        return failure(request, 503, str(error), {"Retry-After": "1"})

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        log.error("a request broke", exc_info=error)
        # This answer passes the observer by.
        headers = {"X-Request-ID": request_id.get()}
        return failure(request, 500, "something broke here; the log says what", headers)

    @app.get("/ping", response_class=PlainTextResponse)
    @app.post("/ping", response_class=PlainTextResponse)
    async def ping() -> str:
        """Says that the process lives."""
        return "pong"

    def current_model() -> LoadedModel:
        if store.current is None:
            why = "; ".join(f"version {v} is refused: {why}" for v, why in store.refused.items())
            raise HTTPException(503, f"no model: {why}" if why else NO_MODEL, {"Retry-After": "5"})
        return store.current

    @app.get("/ready", responses={503: {"model": ProblemBody}})
    async def ready() -> dict[str, Any]:
        """200 with the version that answers, else 503."""
        if app.state.draining:
            raise HTTPException(503, "this replica is stopping", {"Retry-After": "1"})
        return {"status": "ready", "version": current_model().version}

    @app.get("/model", responses={503: {"model": ProblemBody}})
    async def model() -> dict[str, Any]:
        """The version that answers, and why others do not."""
        loaded = current_model()
        return {
            "version": loaded.version,
            "source": "box" if loaded.in_box else "volume",
            "engine": loaded.engine.name,
            "spec": loaded.spec.to_dict(),
            "metrics": loaded.manifest.metrics,
            "created": loaded.manifest.created,
            "config": loaded.manifest.config,
            "refused": {str(version): why for version, why in store.refused.items()},
        }

    @app.get("/metrics", response_class=Response)
    async def show_metrics() -> Response:
        """Counters in the Prometheus text format."""
        return Response(metrics.render(), media_type=CONTENT_TYPE_LATEST)

    @app.post(
        "/predict",
        response_model=PredictBody,
        response_model_exclude_none=True,
        responses=FAILURES,
        openapi_extra=REQUEST_BODY,
    )
    async def predict(
        request: Request,
        details: Annotated[bool, Query(description="Adds confidences, version and times.")] = False,
    ) -> Response:
        """Reads the captcha in an image."""
        current_model()  # without one, say so before the upload is read
        async with uploads.receive(request) as upload:
            # Counted only now: a client that sends slowly must not take another one's place.
            answer = await batcher.submit(Job(upload, details))
        return Response(answer, media_type="application/json")

    return app
