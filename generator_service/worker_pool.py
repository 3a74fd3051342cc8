"""Worker pool: renders captchas in processes, one per core, off the event loop."""

from __future__ import annotations

import asyncio
import collections
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, ParamSpec, TypeVar

from generator_service.errors import TooBusy
from generator_service.pictures.question import PictureQuestion, draw_question
from generator_service.rendering.audio_renderer import render_audio
from generator_service.rendering.captcha_text import generate_text
from generator_service.rendering.dataset_batches import render_grey_batch, render_png_batch
from generator_service.rendering.image_renderer import render_png
from generator_service.rendering.render_options import RenderOptions
from generator_service.rendering.renderer_versions import describe_renderer
from shared.captchas.spec import CaptchaSpec
from shared.fingerprint import fingerprint

log = logging.getLogger(__name__)

# Captchas per task: about 0.1 s of work, so a single captcha does not wait long for a dataset.
BATCH_SIZE = 32
# Grey pixels of a batch, unless a single captcha has more. Two batches per worker process are kept
# for every dataset, as long as its client reads slowly. Their PNGs have at most about three times
# as many bytes.
MAX_BATCH_BYTES = 1_000_000
# Limit of waiting single captchas for each worker process: some tenths of a second of work. One
# whose client has disconnected still counts.
MAX_WAITING = 64
# Images that a spoken character and a question count as, because they take longer.
AUDIO_WEIGHT = 4
QUESTION_WEIGHT = 4

P = ParamSpec("P")
R = TypeVar("R")


class WorkerPool:
    """Renders captchas in worker processes.

    The bytes depend on spec, options, seed and index only, not on the number of processes. A worker
    starts when the first captcha is rendered.

    Attributes:
        spec: the captchas that this generator renders.
        options: fonts and effects.
        processes: number of worker processes.

    Raises:
        FontError: if a font cannot be used.
    """

    def __init__(self, spec: CaptchaSpec, options: RenderOptions, processes: int) -> None:
        self.spec = spec
        self.options = options
        self.processes = processes
        self._renderers: dict[tuple[str, ...], dict[str, Any]] = {}
        self.describe_renderer(spec)  # an unusable font ends the start
        self._executor = self._start_executor()
        self._waiting = 0
        # Limits the batches that workers render or have queued for all datasets together, so that a
        # single captcha does not wait for those of each dataset.
        self._batch_slots = asyncio.Semaphore(2 * processes)

    def describe_renderer(self, spec: CaptchaSpec) -> dict[str, Any]:
        """Return the versions of the libraries and the digests of the fonts that render a spec.

        The fonts are read once, so a changed file needs a new process, as it does for the workers.

        Raises:
            FontError: if a font cannot be used.
            UnknownFont: if the spec names a font that the generator does not have.
        """
        fonts = self.options.choose_fonts(spec.effects)
        if fonts not in self._renderers:
            self._renderers[fonts] = describe_renderer(self.options, fonts)
        return self._renderers[fonts]

    def fingerprint_renderer(self, spec: CaptchaSpec) -> str:
        """Return 16 hex digits that are equal exactly when `describe_renderer` is equal."""
        return fingerprint(self.describe_renderer(spec))

    def _start_executor(self) -> ProcessPoolExecutor:
        # spawn: forking a process that already runs threads can deadlock the child.
        return ProcessPoolExecutor(
            self.processes,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_prepare_worker,
        )

    def close(self) -> None:
        """Cancel waiting tasks and stop the workers after their current ones."""
        # Without waiting, the executor's thread races with the shutdown of the interpreter, which
        # sometimes prints a traceback.
        self._executor.shutdown(wait=True, cancel_futures=True)

    async def warm_up(self) -> None:
        """Render a captcha per worker, which starts all of them."""
        text = generate_text(self.spec, 0, 0)
        await asyncio.gather(*(self.render_png(text, 0) for _ in range(self.processes)))

    async def render_png(self, text: str, seed: int, spec: CaptchaSpec | None = None) -> bytes:
        """Return the image of a text as PNG.

        Args:
            text: what the image shows.
            seed: seed of the captcha.
            spec: another spec than the generator's.

        Raises:
            SpecError: if the text does not match the spec.
            TooBusy: if too many captchas wait.
        """
        spec = spec or self.spec
        spec.check_text(text)
        return await self._run_single(1, render_png, spec, self.options, text, seed, 0)

    async def render_audio(self, text: str, seed: int) -> bytes:
        """Return the spoken text as WAV.

        Raises:
            SpecError: if the text does not match the spec.
            MissingRecording: if a character cannot be spoken.
            TooBusy: if too many captchas wait.
        """
        self.spec.check_text(text)
        weight = AUDIO_WEIGHT * len(text)
        voices = self.options.voices
        return await self._run_single(weight, render_audio, self.spec, voices, text, seed)

    async def draw_question(self, seed: int) -> PictureQuestion:
        """Return the pictures to choose from, and the right ones.

        Raises:
            TooBusy: if too many captchas wait.
        """
        return await self._run_single(QUESTION_WEIGHT, draw_question, seed)

    def render_grey_batches(
        self, spec: CaptchaSpec, seed: int, start: int, count: int
    ) -> AsyncGenerator[bytes]:
        """Yield the pixels of captchas start..start+count-1 in order, uint8 and row-major."""
        return self._run_batches(render_grey_batch, spec, seed, start, count)

    def render_png_batches(
        self, spec: CaptchaSpec, seed: int, start: int, count: int
    ) -> AsyncGenerator[list[tuple[str, bytes]]]:
        """Yield captchas start..start+count-1 in order, as (text, PNG) pairs."""
        return self._run_batches(render_png_batch, spec, seed, start, count)

    async def _run_batches(
        self, render: Callable[..., R], spec: CaptchaSpec, seed: int, start: int, count: int
    ) -> AsyncGenerator[R]:
        # A few batches rendered in advance keep the workers busy, and memory does not grow with
        # the count.
        queue: collections.deque[asyncio.Task[R]] = collections.deque()
        size = _choose_batch_size(spec)
        starts = iter(range(start, start + count, size))
        try:
            while True:
                while len(queue) < 2 * self.processes and (first := next(starts, None)) is not None:
                    stop = min(first + size, start + count)
                    batch = self._run_batch(render, spec, self.options, seed, first, stop)
                    queue.append(asyncio.create_task(batch))
                if not queue:
                    return
                yield await queue.popleft()
        finally:
            for task in queue:
                task.cancel()

    async def _run_single(
        self, weight: int, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        if self._waiting >= MAX_WAITING * self.processes:
            raise TooBusy("too many captchas wait to be rendered; retry later")
        self._waiting += weight
        try:
            return await self._run(function, *args, **kwargs)
        finally:
            self._waiting -= weight

    async def _run_batch(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        async with self._batch_slots:
            return await self._run(function, *args, **kwargs)

    async def _run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        executor = self._executor
        try:
            return await asyncio.wrap_future(executor.submit(function, *args, **kwargs))
        except BrokenProcessPool:
            # A worker was killed, for example because memory ran out. Rendering has no side
            # effects, so the same call can run again in new workers.
            if executor is self._executor:
                log.warning("a worker process died; starting new ones")
                self._executor = self._start_executor()
            return await asyncio.wrap_future(self._executor.submit(function, *args, **kwargs))


def _choose_batch_size(spec: CaptchaSpec) -> int:
    return max(1, min(BATCH_SIZE, MAX_BATCH_BYTES // (spec.width * spec.height)))


def _prepare_worker() -> None:
    """Ignore Ctrl-C, which the parent handles, and end the worker when the parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)
