"""The generator's routes, and the only place where its errors become HTTP answers."""

import asyncio
import base64
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from prometheus_client import CONTENT_TYPE_LATEST

from generator_service.metrics import Metrics
from generator_service.randomness import MAX_SEED
from generator_service.renderer import Renderer
from generator_service.settings import Settings
from shared.dataset_archive import NpzWriter, ZipWriter
from shared.logs import request_id
from shared.middleware import ObservedApp
from shared.spec import CaptchaSpec, SpecError
from shared.schemas import CaptchaBody, ProblemBody, SpecBody, describe_invalid

Seed = Annotated[
    int | None,
    Query(ge=0, le=MAX_SEED, description="The same seed gives the same captcha, byte for byte."),
]
Text = Annotated[str | None, Query(description="What to show; without it the seed decides.")]

Drawing = Annotated[
    Literal["current", "classic"] | None,
    Query(description="How the library draws: as 0.7.1, or with the stronger warp before it."),
]

Charset = Annotated[
    str | None,
    Query(description="Some of the characters that this generator draws, and no others."),
]

log = logging.getLogger(__name__)

PROBLEMS: dict[int | str, dict[str, Any]] = {
    422: {"model": ProblemBody, "description": "A value that cannot be; the answer says which."},
    503: {"model": ProblemBody, "description": "Not ready, or too busy; Retry-After says when."},
}
MAX_STREAMS = 8


def create_app(settings: Settings, renderer: Renderer) -> FastAPI:
    """The generator as an ASGI application. It takes over the renderer and closes it at the end."""
    metrics = Metrics()
    streams = 0
    not_ready: str | None = "the render processes are starting"

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async def warm_up() -> None:
            nonlocal not_ready
            try:
                await renderer.warm_up()
            except Exception as error:
                log.exception("the first captcha could not be drawn")
                not_ready = f"the first captcha could not be drawn: {error}"
            else:
                not_ready = None

        warming = asyncio.create_task(warm_up())
        try:
            yield
        finally:
            warming.cancel()
            renderer.close()

    app = FastAPI(
        title="captcha-pipeline generator",
        description="Issues labelled text captchas.",
        lifespan=lifespan,
        # Under the gateway's path to the generator.
        docs_url="/captcha/docs",
        openapi_url="/captcha/openapi.json",
        redoc_url=None,
        responses={422: PROBLEMS[422]},
    )
    app.add_middleware(ObservedApp, report=metrics.report, log_requests=settings.log_requests)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        return JSONResponse({"detail": describe_invalid(error.errors())}, 422)

    @app.exception_handler(SpecError)
    async def impossible(_: Request, error: SpecError) -> Response:
        return JSONResponse({"detail": str(error)}, 422)

    @app.exception_handler(Exception)
    async def broken(_: Request, error: Exception) -> Response:
        log.error("a request broke", exc_info=error)
        # This answer passes the observer by.
        headers = {"X-Request-ID": request_id.get()}
        return JSONResponse({"detail": "something broke here; the log says what"}, 500, headers)

    @app.get("/ping", response_class=PlainTextResponse)
    @app.post("/ping", response_class=PlainTextResponse)
    async def ping() -> str:
        """Says that the process lives."""
        return "pong"

    @app.get("/ready", responses={503: PROBLEMS[503]})
    async def is_ready() -> dict[str, str]:
        """200 once the render processes draw, before that 503."""
        if not_ready:
            raise HTTPException(503, not_ready, {"Retry-After": "1"})
        return {"status": "ready", "fingerprint": renderer.spec.fingerprint}

    @app.get("/metrics", response_class=Response)
    async def show_metrics() -> Response:
        """Counters in the Prometheus text format."""
        return Response(metrics.render(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/captcha/spec")
    async def show_spec() -> SpecBody:
        """What this generator draws, and with what."""
        return SpecBody(
            spec=renderer.spec.to_dict(),
            fingerprint=renderer.spec.fingerprint,
            drawing=renderer.drawing,
            drawing_fingerprint=renderer.drawing_fingerprint,
        )

    def choose(text: str | None, seed: int | None) -> tuple[str, int]:
        chosen = renderer.new_seed() if seed is None else seed
        return renderer.text_of(chosen) if text is None else text, chosen

    def redraw(drawing: str | None) -> CaptchaSpec:
        return replace(renderer.spec, drawing=drawing) if drawing else renderer.spec

    def restrict(spec: CaptchaSpec, charset: str | None) -> CaptchaSpec:
        if charset is None:
            return spec
        if foreign := sorted(set(charset) - set(spec.charset)):
            raise SpecError(
                f"charset holds {''.join(foreign)!r}; this generator draws {spec.charset!r}"
            )
        return replace(spec, charset=charset)

    @app.get("/captcha")
    async def captcha_json(
        text: Text = None, seed: Seed = None, drawing: Drawing = None
    ) -> CaptchaBody:
        """A captcha with its label; the answer can be posted to `/predict` as it is."""
        label, chosen = choose(text, seed)
        spec = redraw(drawing)
        png = await renderer.png(label, chosen, spec)
        metrics.rendered.labels("png").inc()
        image = base64.b64encode(png).decode("ascii")
        return CaptchaBody(text=label, image=image, seed=chosen, spec=spec.to_dict())

    @app.get("/captcha.png", response_class=Response, responses=_content("image/png"))
    async def captcha_png(
        text: Text = None, seed: Seed = None, drawing: Drawing = None
    ) -> Response:
        """A captcha as PNG; its label is in the header X-Captcha-Text."""
        label, chosen = choose(text, seed)
        png = await renderer.png(label, chosen, redraw(drawing))
        metrics.rendered.labels("png").inc()
        return Response(png, media_type="image/png", headers=_label_headers(label, chosen))

    @app.get("/captcha.wav", response_class=Response, responses=_content("audio/wav"))
    async def captcha_wav(text: Text = None, seed: Seed = None) -> Response:
        """A spoken captcha as WAV; its label is in the header X-Captcha-Text."""
        label, chosen = choose(text, seed)
        wav = await renderer.sound(label, chosen)
        metrics.rendered.labels("wav").inc()
        return Response(wav, media_type="audio/wav", headers=_label_headers(label, chosen))

    @app.get("/dataset", response_class=StreamingResponse, responses={503: PROBLEMS[503]})
    async def dataset(
        count: Annotated[int, Query(ge=1, le=settings.max_dataset)],
        seed: Seed = None,
        start: Annotated[int, Query(ge=0, le=MAX_SEED)] = 0,
        kind: Annotated[Literal["zip", "npz"], Query(alias="format")] = "zip",
        drawing: Drawing = None,
        charset: Charset = None,
    ) -> StreamingResponse:
        """Captchas start..start+count-1 of a seed, streamed while they are drawn."""
        nonlocal streams
        spec = restrict(redraw(drawing), charset)
        if streams >= MAX_STREAMS:
            raise HTTPException(503, f"{streams} datasets are being drawn", {"Retry-After": "10"})
        chosen = renderer.new_seed() if seed is None else seed

        async def parts() -> AsyncGenerator[bytes]:
            nonlocal streams
            streams += 1
            try:
                body = {"zip": _stream_zip, "npz": _stream_npz}[kind]
                async with aclosing(body(renderer, spec, chosen, start, count)) as stream:
                    async for part in stream:
                        yield part
                metrics.rendered.labels(kind).inc(count)
            finally:
                streams -= 1

        # Begun here, so that no other request comes between the check above and the count, and
        # what cannot be drawn is a 500 instead of an empty archive.
        running = parts()
        first = await anext(running)

        async def whole() -> AsyncGenerator[bytes]:
            async with aclosing(running):
                yield first
                async for part in running:
                    yield part

        return StreamingResponse(
            whole(),
            media_type="application/zip",
            headers={
                "Content-Disposition": f'attachment; filename="captchas-{chosen}-{start}.{kind}"',
                "X-Dataset-Seed": str(chosen),
            },
        )

    return app


def _content(media_type: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {media_type: {}}}}


def _label_headers(label: str, seed: int) -> dict[str, str]:
    return {
        "X-Captcha-Text": label,
        "X-Captcha-Seed": str(seed),
        "Cache-Control": "no-store",
    }


async def _stream_zip(
    renderer: Renderer, spec: CaptchaSpec, seed: int, start: int, count: int
) -> AsyncGenerator[bytes]:
    writer = ZipWriter(start)
    try:
        async with aclosing(renderer.png_chunks(spec, seed, start, count)) as chunks:
            async for pictures in chunks:
                yield writer.add(pictures)
        # The directory of many captchas takes seconds to write: not on the event loop.
        yield await asyncio.to_thread(writer.finish)
    finally:
        writer.abandon()


async def _stream_npz(
    renderer: Renderer, spec: CaptchaSpec, seed: int, start: int, count: int
) -> AsyncGenerator[bytes]:
    writer = NpzWriter(spec, renderer.drawing_fingerprint, seed, start, count)
    try:
        async with aclosing(renderer.grey_chunks(spec, seed, start, count)) as chunks:
            async for pixels in chunks:
                yield writer.add(pixels)
        # Drawn from the seed again rather than kept: memory must not grow with count.
        indices = range(start, start + count)
        for part in writer.finish(renderer.text_of(seed, i, spec) for i in indices):
            yield part
            await asyncio.sleep(0)  # a fast reader never makes this wait: others must get a turn
    finally:
        writer.abandon()
