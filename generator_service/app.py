"""The ASGI application: wires routes and state, and turns errors into HTTP responses."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.routing import Route

from generator_service.datasets.dataset_streams import DatasetStreams
from generator_service.datasets.paced_response import DATASET_PACE, Pace
from generator_service.errors import FontError, ServiceUnavailable, UnsupportedRequest
from generator_service.metrics import Metrics
from generator_service.readiness import Readiness
from generator_service.requests.request_spec import RequestSpecs
from generator_service.routes import captchas, datasets, health, internal, pictures
from generator_service.routes.dependencies import Services
from generator_service.settings import Settings
from generator_service.worker_pool import WorkerPool
from shared.captchas.spec import SpecError
from shared.http.api_docs import build_api_docs, declare_token
from shared.http.middleware import SECURITY_HEADERS, RequestMiddleware
from shared.http.schemas import ErrorBody
from shared.logs import request_id
from shared.validation_errors import describe_validation_errors

_SWAGGER_UI = resources.files("fastapi_swagger") / "resources"


def create_app(settings: Settings, pool: WorkerPool, pace: Pace = DATASET_PACE) -> FastAPI:
    """Return the application. It owns the pool and closes it at shutdown.

    Args:
        settings: the settings.
        pool: renders the captchas.
        pace: how fast clients must read datasets.
    """
    app = FastAPI(
        title="captcha-pipeline generator",
        description="Generates labelled text captchas.",
        lifespan=_run_pool,
        # Below the path that the gateway routes to the generator.
        openapi_url="/captcha/openapi.json",
        # These pages would load scripts from other hosts.
        docs_url=None,
        redoc_url=None,
        # A redirect would contain the Host that the client claims.
        redirect_slashes=False,
        responses={
            422: {"model": ErrorBody, "description": "Invalid value; the body names it."},
        },
    )
    metrics = Metrics()
    app.state.services = Services(
        pool,
        RequestSpecs(pool.spec, pool.options),
        metrics,
        Readiness(),
        streams=DatasetStreams(pool, metrics),
        internal_streams=DatasetStreams(pool, metrics),
        pace=pace,
    )
    app.add_middleware(
        RequestMiddleware,
        record=metrics.record_response,
        log_requests=settings.log_requests,
        without_head=["/dataset"],  # it would render for minutes what is not sent
    )
    _add_error_handlers(app)
    app.include_router(health.router)
    app.include_router(captchas.router)
    app.include_router(pictures.router)
    app.include_router(datasets.create_router(settings.max_dataset))
    app.include_router(internal.router)
    for path, file in build_api_docs(app.title, _SWAGGER_UI).items():
        app.router.routes.append(Route(f"/captcha/{path}", file, methods=["GET"]))
    build_openapi = app.openapi
    app.openapi = lambda: declare_token(build_openapi())  # type: ignore[method-assign]
    return app


@asynccontextmanager
async def _run_pool(app: FastAPI) -> AsyncIterator[None]:
    # In the background: liveness and metrics respond while the workers start.
    services: Services = app.state.services
    warm_up = asyncio.create_task(services.readiness.warm_up(services.pool))
    try:
        yield
    finally:
        warm_up.cancel()
        services.pool.close()


def _add_error_handlers(app: FastAPI) -> None:
    @app.exception_handler(RequestValidationError)
    async def reject_invalid(_: Request, error: RequestValidationError) -> Response:
        return JSONResponse({"detail": describe_validation_errors(error.errors())}, 422)

    @app.exception_handler(SpecError)
    @app.exception_handler(FontError)  # a font that a spec names
    @app.exception_handler(UnsupportedRequest)
    async def reject_unsupported(_: Request, error: Exception) -> Response:
        return JSONResponse({"detail": str(error)}, 422)

    @app.exception_handler(ServiceUnavailable)
    async def defer(_: Request, error: ServiceUnavailable) -> Response:
        headers = {"Retry-After": str(error.retry_after_s)}
        return JSONResponse({"detail": str(error)}, 503, headers)

    @app.exception_handler(Exception)
    async def report_failure(_: Request, __: Exception) -> Response:
        # uvicorn logs the traceback.
        # This response does not pass through the middleware, which sets the id of all others.
        headers = {"X-Request-ID": request_id.get(), **SECURITY_HEADERS}
        return JSONResponse({"detail": "internal error; see the log of the service"}, 500, headers)
