"""The inference service's routes, and the only place where its errors become HTTP answers."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from inference_service.metrics import Metrics
from inference_service.models import LoadedModel, ModelStore
from inference_service.settings import Settings
from inference_service.uploads import Uploads
from shared.images import ImageError, ImageTooLarge, decode_image
from shared.observe import ObservedApp
from shared.wire import (
    CharacterConfidence,
    PredictBody,
    PredictDetails,
    PredictRequest,
    ProblemBody,
    describe_invalid,
)

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
NO_MODEL = "no model yet: the first training has not published a version"


def create_app(settings: Settings, store: ModelStore, uploads: Uploads | None = None) -> FastAPI:
    """The inference service as an ASGI application; it watches the store while it runs."""
    metrics = Metrics(store)
    threads = ThreadPoolExecutor(settings.threads, thread_name_prefix="predict")
    uploads = uploads or Uploads()
    waiting = 0

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        stop = threading.Event()
        watcher = threading.Thread(
            target=store.watch, args=(settings.poll_s, stop), name="watch", daemon=True
        )
        watcher.start()
        try:
            yield
        finally:
            stop.set()
            threads.shutdown(wait=False)

    app = FastAPI(
        title="captcha-pipeline inference",
        description="Reads text captchas.",
        lifespan=lifespan,
    )
    app.add_middleware(ObservedApp, report=metrics.report)

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

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        log.error("a request broke", exc_info=error)
        return failure(request, 500, "something broke here; the log says what")

    @app.get("/ping", response_class=PlainTextResponse)
    @app.post("/ping", response_class=PlainTextResponse)
    async def ping() -> str:
        """Says that the process lives."""
        return "pong"

    def current_model() -> LoadedModel:
        if store.current is None:
            raise HTTPException(503, NO_MODEL, {"Retry-After": "5"})
        return store.current

    @app.get("/ready", responses={503: {"model": ProblemBody}})
    async def ready() -> dict[str, Any]:
        """200 with the version that answers, else 503."""
        return {"status": "ready", "version": current_model().version}

    @app.get("/model", responses={503: {"model": ProblemBody}})
    async def model() -> dict[str, Any]:
        """The version that answers, and why others do not."""
        loaded = current_model()
        return {
            "version": loaded.version,
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
        nonlocal waiting
        current_model()  # without one, say so before the upload is read
        data = await uploads.read_image_bytes(request)
        # Counted only now: a client that sends slowly must not take another one's place.
        if waiting >= settings.max_waiting:
            raise HTTPException(503, f"{waiting} requests are waiting", {"Retry-After": "1"})
        waiting += 1
        metrics.waiting.set(waiting)
        try:
            loaded = current_model()
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(threads, _predict, loaded, data, details)
        finally:
            waiting -= 1
            metrics.waiting.set(waiting)
        return JSONResponse(answer)

    return app


def _predict(model: LoadedModel, data: bytes, details: bool) -> dict[str, Any]:
    """The answer for one image, computed on a worker thread."""
    began = time.perf_counter()
    image = decode_image(data, model.spec)
    decoded = time.perf_counter()
    reading = model.read(image)
    done = time.perf_counter()
    body = PredictBody(success=True, prediction=reading.text, debug="predicted")
    if details:
        body.details = PredictDetails(
            characters=[
                CharacterConfidence(character=character, confidence=float(confidence))
                for character, confidence in zip(reading.text, reading.confidences, strict=True)
            ],
            confidence=float(reading.confidences.prod()),
            version=model.version,
            engine=model.engine.name,
            decode_ms=(decoded - began) * 1e3,
            model_ms=(done - decoded) * 1e3,
        )
    return body.model_dump(exclude_none=True)
