"""Jobs from the event loop -> worker threads, those that wait together in one call."""

from __future__ import annotations

import asyncio
import math
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


class QueueFull(RuntimeError):
    """As many jobs as may wait are waiting already."""


class Batcher(Generic[Job, Result]):
    """Runs jobs in batches: as many as wait when a thread becomes free, up to `max_batch`.

    `run` gets the jobs of a batch and answers a result or an exception for each; it is called on
    `threads` threads at once. A thread that found fewer than `max_batch` jobs waits for more, but
    no longer than `max_delay_s` after it took the first; without a delay it takes no more than its
    share of what waits. Every job is answered.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Job]], Sequence[Result | Exception]],
        *,
        threads: int,
        max_batch: int,
        max_delay_s: float,
        max_waiting: int,
    ) -> None:
        self.waiting = 0
        """Jobs taken and not yet answered. Only the event loop changes it."""
        self._run = run
        self._max_batch = max_batch
        self._max_delay_s = max_delay_s
        self._max_waiting = max_waiting
        # Its get() waits without Python code running: an executor of the standard library
        # spends more on a job's way there and back than on reading a captcha's header.
        self._jobs: queue.SimpleQueue[tuple[Job, asyncio.Future[Result]] | None] = (
            queue.SimpleQueue()
        )
        self._threads = [
            threading.Thread(target=self._work, name=f"batch-{i}", daemon=True)
            for i in range(threads)
        ]

    def start(self) -> None:
        """Starts the threads; call it on the event loop that will submit."""
        self._loop = asyncio.get_running_loop()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Lets the threads end after the jobs that wait now."""
        for _ in self._threads:
            self._jobs.put(None)

    async def submit(self, job: Job) -> Result:
        """The job's result, or the exception that `run` answered. Raises QueueFull at once."""
        if self.waiting >= self._max_waiting:
            raise QueueFull(f"{self.waiting} requests are waiting")
        future: asyncio.Future[Result] = self._loop.create_future()
        self.waiting += 1
        try:
            self._jobs.put((job, future))
            return await future
        finally:
            self.waiting -= 1

    def _work(self) -> None:
        while batch := self._next_batch():
            try:
                results = self._run([job for job, _ in batch])
            except Exception as error:
                # Whatever it was, the jobs that caused it must not wait for ever.
                results = [error] * len(batch)
            futures = [future for _, future in batch]
            try:
                self._loop.call_soon_threadsafe(_deliver, futures, results)
            except RuntimeError:
                return  # the loop is closed: nobody waits any more
            # An idle thread must not keep the uploads of its last batch.
            del batch, futures, results

    def _next_batch(self) -> list[tuple[Job, asyncio.Future[Result]]]:
        first = self._jobs.get()
        if first is None:
            return []
        batch = [first]
        limit = self._max_batch
        if not self._max_delay_s:
            # Nobody is waited for, so others may be idle: leave them their share.
            limit = min(limit, math.ceil((1 + self._jobs.qsize()) / len(self._threads)))
        deadline = time.monotonic() + self._max_delay_s
        while len(batch) < limit:
            left_s = deadline - time.monotonic()
            try:
                job = self._jobs.get(timeout=left_s) if left_s > 0 else self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._jobs.put(None)  # for the next round, after this batch
                break
            batch.append(job)
        return batch


def _deliver(
    futures: Sequence[asyncio.Future[Result]], results: Sequence[Result | Exception]
) -> None:
    for future, result in zip(futures, results, strict=True):
        if future.done():
            continue  # its client went away
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
