"""The inference service as an ASGI app; the only place that maps exceptions to HTTP statuses."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from importlib import resources

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import Route

from inference_service import errors
from inference_service.engines import ENGINES
from inference_service.metrics import Metrics
from inference_service.models.generator_watcher import GeneratorWatcher
from inference_service.models.model_store import ModelStore
from inference_service.page_files import read_page
from inference_service.prediction.predictor import Predictor
from inference_service.requests.request_body import BodyReceiver
from inference_service.routes import health, operation, predict, public
from inference_service.routes.state import ServiceState
from inference_service.settings import Settings
from shared.captchas.images import ImageError, ImageTooLarge
from shared.http.api_docs import build_api_docs, declare_token
from shared.http.middleware import SECURITY_HEADERS, RequestMiddleware
from shared.http.schemas import ErrorBody, PredictBody
from shared.logs import request_id
from shared.validation_errors import describe_validation_errors

_SWAGGER_UI = resources.files("fastapi_swagger") / "resources"
# A request to the generator takes no longer, apart from the lookup of its name.
_FIRST_REQUEST_TIMEOUT_S = 3.0
_STATUSES: dict[type[Exception], int] = {
    errors.InvalidRequest: 400,
    errors.InvalidRestriction: 422,
    errors.RequestTimeout: 408,
    errors.RequestTooLarge: 413,
    errors.UnsupportedContentType: 415,
    ImageTooLarge: 413,
    ImageError: 422,
    errors.Unavailable: 503,
}


def create_app(
    settings: Settings,
    store: ModelStore,
    receiver: BodyReceiver | None = None,
    generator: GeneratorWatcher | None = None,
) -> FastAPI:
    """Create the app, which watches the store and the generator while it runs."""
    metrics = Metrics()
    predictor = Predictor(
        metrics.record_batch,
        on_event_loop=ENGINES[settings.engine].on_event_loop,
        max_batch_size=settings.max_batch_size,
        max_queue_size=settings.max_queue_size,
    )
    metrics.watch_state(store, predictor)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        stop = threading.Event()
        if generator:
            # A thread of its own: looking up a name can take seconds.
            _start_thread("generator", generator.watch, settings.generator_poll_s, stop)
            # The spec determines which version is loaded first.
            await asyncio.to_thread(generator.first_request.wait, _FIRST_REQUEST_TIMEOUT_S)
        _start_thread("watch", store.watch, settings.model_poll_s, stop)
        # The server listens after this. A replica waits for its model first, because the gateway
        # considers a new address up until a check fails. It waits for half of the longest load
        # time, so that it also starts without a usable version.
        timeout_s = ENGINES[settings.engine].load_timeout_s / 2
        await asyncio.to_thread(store.initial_scan.wait, timeout_s)
        try:
            yield
        finally:
            stop.set()
            predictor.stop()

    app = FastAPI(
        title="captcha-pipeline inference",
        description="Predicts the text of captchas.",
        lifespan=lifespan,
        # These pages would load scripts from other hosts.
        docs_url=None,
        redoc_url=None,
        # A redirect would contain the Host that the client claims.
        redirect_slashes=False,
    )
    app.state.is_draining = False  # set by DrainingServer
    app.state.service = ServiceState(store, predictor, receiver or BodyReceiver(), metrics)
    app.add_middleware(
        RequestMiddleware, record=metrics.record_response, log_requests=settings.log_requests
    )
    for routes in (predict, operation, public, health):
        app.include_router(routes.router)
    files = read_page() | build_api_docs(app.title, _SWAGGER_UI)
    for path, file in files.items():
        app.router.routes.append(Route(f"/{path}", file, methods=["GET"]))
    _add_error_handlers(app)
    build_openapi = app.openapi
    app.openapi = lambda: declare_token(build_openapi())  # type: ignore[method-assign]
    return app


def _start_thread(
    name: str, watch: Callable[[float, threading.Event], None], poll_s: float, stop: threading.Event
) -> None:
    threading.Thread(target=watch, args=(poll_s, stop), name=name, daemon=True).start()


def _add_error_handlers(app: FastAPI) -> None:
    @app.exception_handler(errors.RequestError)
    @app.exception_handler(ImageError)
    async def reject(request: Request, error: Exception) -> Response:
        return _respond(request, _find_status(error), str(error))

    @app.exception_handler(errors.Unavailable)
    async def ask_to_retry(request: Request, error: errors.Unavailable) -> Response:
        headers = {"Retry-After": str(error.retry_after_s)}
        return _respond(request, _find_status(error), str(error), headers)

    @app.exception_handler(HTTPException)
    async def report_routing_error(request: Request, error: HTTPException) -> Response:
        detail = str(error.detail)
        if error.status_code == 405 and error.headers:
            detail = f"{request.method} is not allowed here; use {error.headers['Allow']}"
        return _respond(request, error.status_code, detail, error.headers)

    @app.exception_handler(RequestValidationError)
    async def reject_parameters(request: Request, error: RequestValidationError) -> Response:
        return _respond(request, 422, describe_validation_errors(error.errors()))

    @app.exception_handler(Exception)
    async def report_bug(request: Request, _: Exception) -> Response:
        # uvicorn logs the traceback.
        message = "internal error; the service's log has the details under X-Request-ID"
        # This response does not pass RequestMiddleware.
        headers = {"X-Request-ID": request_id.get(), **SECURITY_HEADERS}
        return _respond(request, 500, message, headers)


def _find_status(error: Exception) -> int:
    return next(status for kind, status in _STATUSES.items() if isinstance(error, kind))


def _respond(
    request: Request, status: int, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an error response; those of predictions keep the three fields of a prediction."""
    body = (
        PredictBody(success=False, prediction="", debug=message)
        if request.url.path in predict.PATHS
        else ErrorBody(detail=message)
    )
    return JSONResponse(body.model_dump(exclude_none=True), status, headers)
