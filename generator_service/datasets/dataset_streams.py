"""Dataset streams: archives that are sent while their captchas are rendered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal

from generator_service.errors import TooManyDatasets
from generator_service.metrics import Metrics
from generator_service.rendering.captcha_text import generate_text
from generator_service.worker_pool import WorkerPool
from shared.captchas.dataset_archive import NpzWriter, ZipWriter
from shared.captchas.spec import CaptchaSpec

MAX_STREAMS = 8

ArchiveFormat = Literal["zip", "npz"]


@dataclass(frozen=True)
class DatasetRequest:
    """Captchas start..start+count-1 of a seed, and the format of their archive."""

    spec: CaptchaSpec
    seed: int
    start: int
    count: int
    archive_format: ArchiveFormat


class DatasetStreams:
    """Streams datasets, at most MAX_STREAMS at the same time.

    Clients and the programs of the internal network have one instance each, so that clients cannot
    keep a trainer from its captchas.

    Attributes:
        active: number of datasets that are being streamed.
    """

    def __init__(self, pool: WorkerPool, metrics: Metrics) -> None:
        self._pool = pool
        self._metrics = metrics
        self.active = 0

    async def start(self, request: DatasetRequest) -> AsyncGenerator[bytes]:
        """Render the first batch and return the bytes of the archive.

        An error in the first batch is raised here, before a response has started.

        Raises:
            TooManyDatasets: if MAX_STREAMS datasets are being streamed.
        """
        if self.active >= MAX_STREAMS:
            raise TooManyDatasets(f"{self.active} datasets are being rendered; retry later")
        stream = self._count_stream(request)
        await anext(stream)
        return stream

    async def _count_stream(self, request: DatasetRequest) -> AsyncGenerator[bytes]:
        # There is no await between the check in `start` and this line.
        self.active += 1
        try:
            stream = stream_zip if request.archive_format == "zip" else stream_npz
            async with aclosing(stream(self._pool, request)) as parts:
                first = await anext(parts)
                # `start` returns here. Closing a generator that has not started frees nothing.
                yield b""
                yield first
                async for part in parts:
                    yield part
            self._metrics.record_rendered(request.archive_format, request.count)
        finally:
            self.active -= 1


async def stream_zip(pool: WorkerPool, request: DatasetRequest) -> AsyncGenerator[bytes]:
    """Yield the bytes of a zip of labelled PNG files."""
    writer = ZipWriter(request.start)
    batches = pool.render_png_batches(request.spec, request.seed, request.start, request.count)
    try:
        async with aclosing(batches):
            async for captchas in batches:
                yield writer.add(captchas)
    except BaseException:  # rendering failed, or the client disconnected
        # Closing writes the directory of the zip, which takes seconds for many captchas. Nothing
        # waits for it here: a cancelled task must not wait.
        asyncio.get_running_loop().run_in_executor(None, writer.close)
        raise
    yield await asyncio.to_thread(writer.finish)


async def stream_npz(pool: WorkerPool, request: DatasetRequest) -> AsyncGenerator[bytes]:
    """Yield the bytes of an npz of grey images and their texts."""
    spec, seed, start, count = request.spec, request.seed, request.start, request.count
    writer = NpzWriter(spec, pool.fingerprint_renderer(spec), seed, start, count)
    try:
        async with aclosing(pool.render_grey_batches(spec, seed, start, count)) as batches:
            async for pixels in batches:
                yield writer.add(pixels)
        # The texts are generated again, because keeping them would take memory for each captcha.
        texts = (generate_text(spec, seed, index) for index in range(start, start + count))
        for part in writer.finish(texts):
            yield part
            await asyncio.sleep(0)  # sending to a fast client never yields to other requests
    finally:
        writer.close()
