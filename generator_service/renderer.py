"""Draws captchas in worker processes, one per core, never on the event loop."""

from __future__ import annotations

import asyncio
import collections
import logging
import multiprocessing
import os
import secrets
import signal
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import ParamSpec, TypeVar

from generator_service import drawing
from generator_service.randomness import MAX_SEED
from shared.fingerprint import fingerprint
from shared.spec import CaptchaSpec

log = logging.getLogger(__name__)

# Captchas per task: about 0.1 s of work, so a single captcha never waits long behind a dataset.
CHUNK = 32

P = ParamSpec("P")
R = TypeVar("R")


class Renderer:
    """Renders captchas of one spec, in the drawing that is asked for.

    What comes out depends on spec, seed and index alone, never on the number of processes.
    Raises FontError if a font cannot be used.
    """

    def __init__(self, spec: CaptchaSpec, fonts: tuple[str, ...], processes: int) -> None:
        self.spec = spec
        self.fonts = fonts
        self.processes = processes
        self.drawing = drawing.describe_drawing(fonts)
        self.drawing_fingerprint = fingerprint(self.drawing)
        self._pool = self._new_pool()

    def _new_pool(self) -> ProcessPoolExecutor:
        # spawn: forking a process that already runs threads can deadlock the child.
        return ProcessPoolExecutor(
            self.processes,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_live_as_long_as_parent,
        )

    def close(self) -> None:
        """Stops the workers when what they draw is drawn; what waits is dropped."""
        # Not waiting leaves the pool's thread to race with the interpreter's own clean-up, which
        # now and then ends in a traceback.
        self._pool.shutdown(wait=True, cancel_futures=True)

    @staticmethod
    def new_seed() -> int:
        """A seed nobody can foresee, 0 to MAX_SEED."""
        return secrets.randbelow(MAX_SEED + 1)

    def text_of(self, seed: int, index: int = 0, spec: CaptchaSpec | None = None) -> str:
        """The text of captcha `index` of `seed`, however it is drawn; takes microseconds."""
        return drawing.draw_text(spec or self.spec, seed, index)

    async def png(self, text: str, seed: int, spec: CaptchaSpec | None = None) -> bytes:
        """The picture of `text` as PNG. Raises SpecError if the text cannot be."""
        self.spec.check_text(text)
        return await self._run(drawing.draw_png, spec or self.spec, self.fonts, text, seed, 0)

    async def sound(self, text: str, seed: int) -> bytes:
        """The text spoken, as WAV. Raises SpecError if the text cannot be spoken."""
        self.spec.check_text(text)
        return await self._run(drawing.draw_sound, self.spec, text, seed)

    def grey_chunks(
        self, spec: CaptchaSpec, seed: int, start: int, count: int
    ) -> AsyncGenerator[bytes]:
        """Pixels of captchas start..start+count-1, in order, as uint8 rows."""
        return self._chunks(drawing.stack_grey, spec, seed, start, count)

    def png_chunks(
        self, spec: CaptchaSpec, seed: int, start: int, count: int
    ) -> AsyncGenerator[list[tuple[str, bytes]]]:
        """(text, PNG) of captchas start..start+count-1, in order."""
        return self._chunks(drawing.list_pngs, spec, seed, start, count)

    async def warm_up(self) -> None:
        """Returns once a captcha for each worker is drawn, which starts them all."""
        await asyncio.gather(*(self.png(self.text_of(0), 0) for _ in range(self.processes)))

    async def _chunks(
        self, draw: Callable[..., R], spec: CaptchaSpec, seed: int, start: int, count: int
    ) -> AsyncGenerator[R]:
        # A short queue ahead of the reader: workers stay busy, memory does not grow with count.
        ahead: collections.deque[asyncio.Task[R]] = collections.deque()
        begins = iter(range(start, start + count, CHUNK))
        try:
            while True:
                while len(ahead) < 2 * self.processes and (begin := next(begins, None)) is not None:
                    stop = min(begin + CHUNK, start + count)
                    task = self._run(draw, spec, self.fonts, seed, begin, stop)
                    ahead.append(asyncio.ensure_future(task))
                if not ahead:
                    return
                yield await ahead.popleft()
        finally:
            for waiting in ahead:
                waiting.cancel()

    async def _run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        pool = self._pool
        try:
            return await asyncio.wrap_future(pool.submit(function, *args, **kwargs))
        except BrokenProcessPool:
            # A worker was killed, for example for memory. Rendering has no effects, so the
            # same call can be made again on fresh workers.
            if pool is self._pool:
                log.warning("a render process died; starting new ones")
                self._pool = self._new_pool()
            return await asyncio.wrap_future(self._pool.submit(function, *args, **kwargs))


def _live_as_long_as_parent() -> None:
    """Prepares a worker: Ctrl-C is its parent's business, and its parent's end is its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)
