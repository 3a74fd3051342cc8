from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator

import pytest

from generator_service.datasets import dataset_streams
from generator_service.datasets.dataset_streams import (
    MAX_STREAMS,
    ArchiveFormat,
    DatasetRequest,
    DatasetStreams,
    stream_npz,
    stream_zip,
)
from generator_service.errors import TooManyDatasets
from generator_service.metrics import Metrics
from generator_service.rendering.render_options import RenderOptions
from generator_service.worker_pool import WorkerPool
from shared.captchas.dataset_archive import ZipWriter
from shared.captchas.spec import CaptchaSpec

SPEC = CaptchaSpec()
OPTIONS = RenderOptions()


class FakePool(WorkerPool):
    """Yields captchas of one byte, without worker processes."""

    async def render_png_batches(
        self, spec: CaptchaSpec, seed: int, start: int, count: int
    ) -> AsyncGenerator[list[tuple[str, bytes]]]:
        for _ in range(count):
            yield [("0000", b"x")]


class FailingPool(WorkerPool):
    """Fails to render."""

    async def render_png_batches(
        self, spec: CaptchaSpec, seed: int, start: int, count: int
    ) -> AsyncGenerator[list[tuple[str, bytes]]]:
        raise RuntimeError("no memory")
        yield []


def request(archive_format: ArchiveFormat = "zip", count: int = 50) -> DatasetRequest:
    return DatasetRequest(SPEC, 1, 0, count, archive_format)


def test_a_stream_beyond_the_limit_is_rejected_until_another_ends() -> None:
    async def run() -> None:
        streams = DatasetStreams(FakePool(SPEC, OPTIONS, 1), Metrics())
        active = [await streams.start(request()) for _ in range(MAX_STREAMS)]
        with pytest.raises(TooManyDatasets, match=f"{MAX_STREAMS} datasets are being rendered"):
            await streams.start(request())
        async for _ in active.pop():  # completed
            pass
        active.append(await streams.start(request()))
        await anext(active[-1])
        await active.pop().aclose()  # abandoned
        active.append(await streams.start(request()))
        for stream in active:
            await anext(stream)
            await stream.aclose()

    asyncio.run(run())


def test_an_error_in_the_first_batch_is_raised_before_the_stream_starts() -> None:
    async def run() -> None:
        streams = DatasetStreams(FailingPool(SPEC, OPTIONS, 1), Metrics())
        for _ in range(MAX_STREAMS + 1):  # a failed stream does not count as active
            with pytest.raises(RuntimeError, match="no memory"):
                await streams.start(request())

    asyncio.run(run())


def test_a_stream_that_is_closed_before_its_first_byte_is_read_frees_its_place() -> None:
    async def run() -> int:
        streams = DatasetStreams(FakePool(SPEC, OPTIONS, 1), Metrics())
        stream = await streams.start(request())
        assert streams.active == 1
        await stream.aclose()
        return streams.active

    assert asyncio.run(run()) == 0


def test_only_completed_datasets_are_counted() -> None:
    async def run() -> str:
        metrics = Metrics()
        streams = DatasetStreams(FakePool(SPEC, OPTIONS, 1), metrics)
        abandoned = await streams.start(request())
        await anext(abandoned)
        await abandoned.aclose()
        async for _ in await streams.start(request(count=7)):
            pass
        return metrics.to_text().decode()

    assert 'generator_captchas_rendered_total{format="zip"} 7.0' in asyncio.run(run())


def test_an_abandoned_zip_is_closed_in_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    closed_in = []

    class RecordingZipWriter(ZipWriter):
        def close(self) -> None:
            time.sleep(0.2)  # writing the directory of a large zip takes time
            super().close()
            closed_in.append(threading.current_thread())

    async def run() -> bool:
        stream = stream_zip(FakePool(SPEC, OPTIONS, 1), request())
        await anext(stream)
        await stream.aclose()
        return bool(closed_in)

    monkeypatch.setattr(dataset_streams, "ZipWriter", RecordingZipWriter)
    assert not asyncio.run(run())  # `aclose` did not wait for it
    assert closed_in
    assert closed_in[0] is not threading.main_thread()


@pytest.mark.parametrize("batches", [1, 2])
def test_an_npz_can_be_abandoned_at_any_batch(pool: WorkerPool, batches: int) -> None:
    async def run() -> None:
        stream = stream_npz(pool, request("npz", 100))
        for _ in range(batches):
            await anext(stream)
        await stream.aclose()

    asyncio.run(run())
