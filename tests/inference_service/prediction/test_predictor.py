from __future__ import annotations

import asyncio
import base64
import gc
import json
import threading
import time
import weakref
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from inference_service.errors import InvalidRequest, QueueFull
from inference_service.models.model_loading import LoadedModel, load_version
from inference_service.prediction.batch_prediction import BatchTimes, PredictOptions
from inference_service.prediction.predictor import Predictor
from inference_service.requests.parsing import RequestBody
from inference_service.requests.request_body import MAX_BODY_BYTES
from shared.captchas.images import AnimatedImage, ImageError
from shared.captchas.restriction import Restriction
from shared.captchas.spec import CaptchaSpec
from tests.inference_service.captchas import Captcha
from tests.inference_service.engines import BandEngine, GatedEngine, Images, Probabilities
from tests.shared.encoded_images import (
    PNG_HEADER_BYTES,
    animated,
    encoded,
    gradient,
    png_chunk,
    with_chunk,
)


class WatchedEngine(BandEngine):
    """Records the thread and the number of images of each call."""

    def __init__(self) -> None:
        super().__init__(CaptchaSpec())
        self.calls: list[tuple[int, int]] = []

    def predict(self, images: Images) -> Probabilities:
        self.calls.append((threading.get_ident(), len(images)))
        return super().predict(images)


@pytest.fixture
def engine() -> WatchedEngine:
    return WatchedEngine()


@pytest.fixture
def options(models: Path, engine: WatchedEngine) -> PredictOptions:
    model = load_version(models / "1", lambda *_: engine)
    engine.calls.clear()
    return PredictOptions(False, model, Restriction.from_spec(model.spec))


def use_engine(options: PredictOptions, engine: BandEngine, version: int = 1) -> PredictOptions:
    model = LoadedModel(version, options.model.spec, options.model.manifest, engine)
    return replace(options, model=model)


def body_of(image: bytes, **fields: object) -> RequestBody:
    content = {"image": base64.b64encode(image).decode(), **fields}
    return RequestBody("application/json", json.dumps(content).encode())


def batch_of(*images: bytes) -> RequestBody:
    content = {"images": [base64.b64encode(image).decode() for image in images]}
    return RequestBody("application/json", json.dumps(content).encode())


def with_predictor(
    test: Callable[[Predictor], Awaitable[Any]],
    *,
    on_event_loop: bool = True,
    max_queue_size: int = 9,
    clock: Callable[[], float] = time.monotonic,
) -> list[BatchTimes]:
    """Run a test on an event loop and return the recorded batches."""
    recorded: list[BatchTimes] = []

    async def main() -> None:
        predictor = Predictor(
            recorded.append,
            on_event_loop=on_event_loop,
            max_batch_size=4,
            max_queue_size=max_queue_size,
            clock=clock,
        )
        try:
            await asyncio.wait_for(test(predictor), 20)
        finally:
            predictor.stop()

    asyncio.run(main())
    return recorded


async def check_together(
    predictor: Predictor, options: PredictOptions, captchas: list[Captcha]
) -> None:
    """Submit captchas in one turn of the event loop and check their predictions."""
    requests = [predictor.predict(body_of(c.png), options) for c in captchas]
    for captcha, content in zip(captchas, await asyncio.gather(*requests), strict=True):
        assert json.loads(content)["prediction"] == captcha.text


def test_captchas_of_one_turn_are_predicted_together_on_the_event_loop(
    options: PredictOptions, engine: WatchedEngine, captchas: list[Captcha]
) -> None:
    async def test(predictor: Predictor) -> None:
        await check_together(predictor, options, captchas[:6])

    recorded = with_predictor(test)
    assert engine.calls == [(threading.get_ident(), 4), (threading.get_ident(), 2)]
    assert [times.images for times in recorded] == [4, 2]


def test_captchas_are_predicted_on_the_thread_if_the_engine_is_not_for_the_event_loop(
    options: PredictOptions, engine: WatchedEngine, captchas: list[Captcha]
) -> None:
    async def test(predictor: Predictor) -> None:
        await check_together(predictor, options, captchas[:6])

    with_predictor(test, on_event_loop=False)
    assert [count for _, count in engine.calls] == [4, 2]
    assert threading.get_ident() not in {thread for thread, _ in engine.calls}


PNG = encoded(gradient())
LARGE = {
    "a body of more than 64 kB": body_of(PNG, other="x" * 64_000),
    "an image of more than four captchas": body_of(encoded(Image.new("L", (201, 200)))),
    "a megapixel in 3 kB": body_of(encoded(Image.new("L", (1000, 1000)))),
    "a PNG with EXIF data": body_of(with_chunk(PNG, b"eXIf", b"II*\0\x08\0\0\0\0\0\0\0\0\0")),
    "a PNG of many chunks": body_of(
        PNG[:PNG_HEADER_BYTES] + 8 * png_chunk(b"IDAT", b"") + PNG[PNG_HEADER_BYTES:]
    ),
    "a PNG of many palettes": body_of(
        PNG[:PNG_HEADER_BYTES] + 9 * png_chunk(b"PLTE", b"") + PNG[PNG_HEADER_BYTES:]
    ),
    "a JPEG": body_of(encoded(gradient(), "jpeg")),
}


@pytest.mark.parametrize("name", LARGE)
def test_an_image_that_may_take_long_is_predicted_on_the_thread(
    options: PredictOptions, engine: WatchedEngine, name: str
) -> None:
    async def test(predictor: Predictor) -> None:
        assert json.loads(await predictor.predict(LARGE[name], options))["success"] is True

    with_predictor(test)
    ((thread, _),) = engine.calls
    assert thread != threading.get_ident()


def test_an_animation_is_rejected_on_the_thread(options: PredictOptions) -> None:
    held = GatedEngine(BandEngine(CaptchaSpec()))
    held.gate.clear()

    async def test(predictor: Predictor) -> None:
        large = asyncio.create_task(predictor.predict(LARGE["a JPEG"], use_engine(options, held)))
        await asyncio.to_thread(held.is_waiting.wait, 10)
        request = asyncio.create_task(predictor.predict(body_of(animated("png")), options))
        await asyncio.sleep(0.05)
        assert not request.done()
        held.gate.set()
        await large
        with pytest.raises(AnimatedImage):
            await request

    with_predictor(test)


def test_images_of_ordinary_size_are_predicted_on_the_event_loop(
    options: PredictOptions, engine: WatchedEngine
) -> None:
    async def test(predictor: Predictor) -> None:
        for size in ((200, 200), (1, 1), (160, 60)):
            await predictor.predict(body_of(encoded(Image.new("L", size))), options)

    with_predictor(test)
    assert {thread for thread, _ in engine.calls} == {threading.get_ident()}


@pytest.mark.parametrize("on_event_loop", [True, False])
def test_captchas_do_not_wait_for_the_thread_of_the_other_requests(
    options: PredictOptions, captchas: list[Captcha], on_event_loop: bool
) -> None:
    held = GatedEngine(BandEngine(CaptchaSpec()))
    held.gate.clear()

    async def test(predictor: Predictor) -> None:
        large = asyncio.create_task(predictor.predict(LARGE["a JPEG"], use_engine(options, held)))
        await asyncio.to_thread(held.is_waiting.wait, 10)
        content = await predictor.predict(body_of(captchas[0].png), options)
        assert json.loads(content)["prediction"] == captchas[0].text
        assert not large.done()
        assert predictor.queue_size == 1
        held.gate.set()
        assert json.loads(await large)["success"] is True
        assert predictor.queue_size == 0

    with_predictor(test, on_event_loop=on_event_loop)


def test_a_full_queue_of_large_images_rejects_no_captcha(
    options: PredictOptions, captchas: list[Captcha]
) -> None:
    held = GatedEngine(BandEngine(CaptchaSpec()))
    held.gate.clear()

    async def test(predictor: Predictor) -> None:
        slow = use_engine(options, held)
        accepted = [
            asyncio.create_task(predictor.predict(LARGE["a JPEG"], slow)),
            asyncio.create_task(predictor.predict_all(batch_of(PNG), slow)),
        ]
        await asyncio.to_thread(held.is_waiting.wait, 10)
        for request in (predictor.predict, predictor.predict_all):
            with pytest.raises(QueueFull, match="the queue is full: 2 requests are waiting"):
                await request(LARGE["a JPEG"], slow)
        assert predictor.rejections == 2
        assert await predictor.predict(body_of(captchas[0].png), options)
        held.gate.set()
        await asyncio.gather(*accepted)

    with_predictor(test, max_queue_size=2)


def test_a_batch_is_predicted_on_the_thread_in_parts_and_in_order(
    options: PredictOptions, engine: WatchedEngine, captchas: list[Captcha]
) -> None:
    async def test(predictor: Predictor) -> None:
        pngs = [captcha.png for captcha in captchas[:9]]
        body = json.loads(await predictor.predict_all(batch_of(*pngs), options))
        assert body == {
            "results": [
                {"success": True, "prediction": captcha.text, "debug": "predicted"}
                for captcha in captchas[:9]
            ]
        }

    recorded = with_predictor(test)
    assert [count for _, count in engine.calls] == [4, 4, 1]
    assert [times.images for times in recorded] == [4, 4, 1]
    assert threading.get_ident() not in {thread for thread, _ in engine.calls}


def test_the_images_of_a_batch_that_are_not_reached_in_time_fail_alone(
    options: PredictOptions, captchas: list[Captcha]
) -> None:
    now = 0.0

    class SlowEngine(BandEngine):
        def predict(self, images: Images) -> Probabilities:
            nonlocal now
            now += 3
            return super().predict(images)

    async def test(predictor: Predictor) -> None:
        slow = use_engine(options, SlowEngine(CaptchaSpec()))
        pngs = [captcha.png for captcha in captchas[:10]]
        results = json.loads(await predictor.predict_all(batch_of(*pngs), slow))["results"]
        assert [result["prediction"] for result in results[:8]] == [
            captcha.text for captcha in captchas[:8]
        ]
        late = {
            "success": False,
            "prediction": "",
            "debug": (
                "the image was not reached within 5 s; send fewer or smaller images in one request"
            ),
        }
        assert results[8:] == [late, late]

    with_predictor(test, clock=lambda: now)


def test_the_time_a_request_waits_for_the_thread_counts(options: PredictOptions) -> None:
    now = 0.0
    held = GatedEngine(BandEngine(CaptchaSpec()))
    held.gate.clear()

    async def test(predictor: Predictor) -> None:
        nonlocal now
        first = asyncio.create_task(predictor.predict(LARGE["a JPEG"], use_engine(options, held)))
        await asyncio.to_thread(held.is_waiting.wait, 10)
        batch = asyncio.create_task(predictor.predict_all(batch_of(PNG), options))
        large = asyncio.create_task(predictor.predict(LARGE["a JPEG"], options))
        await asyncio.sleep(0)
        now = 6.0
        held.gate.set()
        await first
        (result,) = json.loads(await batch)["results"]
        assert "the image was not reached within 5 s" in result["debug"]
        with pytest.raises(QueueFull, match="the image was not reached within 5 s; retry later"):
            await large

    with_predictor(test, clock=lambda: now)


def test_an_image_of_a_batch_may_be_as_large_as_a_single_one(
    options: PredictOptions, captchas: list[Captcha]
) -> None:
    png = captchas[0].png
    largest = png + bytes(MAX_BODY_BYTES - len(png))

    async def test(predictor: Predictor) -> None:
        body = batch_of(largest + b"\0", largest)
        first, second = json.loads(await predictor.predict_all(body, options))["results"]
        assert first["debug"] == "the image has 1,000,001 bytes, more than the 1,000,000 accepted"
        assert second["prediction"] == captchas[0].text

    with_predictor(test)


def test_requests_are_predicted_by_the_version_that_was_active_when_they_arrived(
    options: PredictOptions, captchas: list[Captcha]
) -> None:
    old = use_engine(replace(options, details=True), BandEngine(CaptchaSpec()), 1)
    new = use_engine(old, BandEngine(CaptchaSpec()), 2)

    async def test(predictor: Predictor) -> None:
        chosen = (old, new, new, old)
        requests = [
            predictor.predict(body_of(captcha.png), options)
            for captcha, options in zip(captchas, chosen, strict=False)
        ]
        for captcha, options, content in zip(
            captchas, chosen, await asyncio.gather(*requests), strict=False
        ):
            body = json.loads(content)
            assert body["prediction"] == captcha.text
            assert body["details"]["version"] == options.model.version
            assert body["details"]["batch_size"] == 2

    with_predictor(test)


def test_an_unexpected_error_fails_the_whole_batch(options: PredictOptions) -> None:
    class FailingEngine(BandEngine):
        def predict(self, images: Images) -> Probabilities:
            raise MemoryError("the engine is out of memory")

    async def test(predictor: Predictor) -> None:
        failing = use_engine(options, FailingEngine(CaptchaSpec()))
        with pytest.raises(MemoryError, match="the engine is out of memory"):
            await predictor.predict_all(batch_of(PNG), failing)
        assert predictor.queue_size == 0

    with_predictor(test)


def test_rejected_bodies_are_not_kept_in_memory(options: PredictOptions) -> None:
    large = body_of(b"nothing", other="x" * 64_000)
    invalid = RequestBody("application/json", b"{" * 64_001)
    references = [weakref.ref(large), weakref.ref(invalid)]

    async def test(predictor: Predictor) -> None:
        nonlocal large, invalid
        for request in (
            predictor.predict(large, options),
            predictor.predict(invalid, options),
            predictor.predict_all(invalid, options),
        ):
            with pytest.raises((ImageError, InvalidRequest)):
                await request
        del large, invalid, request
        # The worker thread drops its last job a moment after the result.
        deadline = time.monotonic() + 10
        while any(reference() is not None for reference in references):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)

    gc.disable()
    try:
        with_predictor(test)
    finally:
        gc.enable()
