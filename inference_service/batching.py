"""Batching: worker threads run jobs of the event loop, several jobs per call."""

from __future__ import annotations

import asyncio
import math
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from inference_service.errors import QueueFull

# How often an incomplete batch looks for more jobs.
_POLL_S = 2e-4

Job = TypeVar("Job")
Result = TypeVar("Result")


class Batcher(Generic[Job, Result]):
    """Runs jobs in batches of up to `max_batch_size` on worker threads.

    With a delay, a thread whose batch is incomplete waits up to `max_delay_s` for more jobs.
    Without a delay, a thread takes an equal part of the queued jobs at once. Every job gets a
    result or an exception.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Job]], Sequence[Result | Exception]],
        *,
        threads: int,
        max_batch_size: int,
        max_delay_s: float,
        max_queue_size: int,
    ) -> None:
        """Create the threads; `start` starts them.

        Args:
            run: returns a result or an exception for each job of a batch. It is called from
                several threads at once.
            threads: number of worker threads.
            max_batch_size: maximum number of jobs per call of `run`.
            max_delay_s: how long an incomplete batch waits for more jobs.
            max_queue_size: maximum number of unfinished jobs.
        """
        self.queue_size = 0
        """Unfinished jobs. Only the event loop changes it."""
        self.rejections = 0
        """Jobs that were rejected because the queue was full."""
        self._run = run
        self._max_batch_size = max_batch_size
        self._max_delay_s = max_delay_s
        self._max_queue_size = max_queue_size
        # A SimpleQueue is implemented in C. An executor of the standard library takes longer to
        # pass a job to a thread.
        self._jobs: queue.SimpleQueue[tuple[Job, asyncio.Future[Result]] | None] = (
            queue.SimpleQueue()
        )
        self._threads = [
            threading.Thread(target=self._work, name=f"batch-{i}", daemon=True)
            for i in range(threads)
        ]

    def start(self) -> None:
        """Start the threads. Call it on the event loop that submits the jobs."""
        self._loop = asyncio.get_running_loop()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let the threads end after the queued jobs."""
        for _ in self._threads:
            self._jobs.put(None)

    async def submit(self, job: Job) -> Result:
        """Return the result of a job.

        Raises:
            QueueFull: at once, if there are `max_queue_size` unfinished jobs.
            Exception: what `run` returned for this job.
        """
        if self.queue_size >= self._max_queue_size:
            self.rejections += 1
            raise QueueFull(f"the queue is full: {self.queue_size} requests are waiting")
        future: asyncio.Future[Result] = self._loop.create_future()
        self.queue_size += 1
        try:
            self._jobs.put((job, future))
            return await future
        finally:
            self.queue_size -= 1

    def _work(self) -> None:
        while batch := self._next_batch():
            try:
                results = self._run([job for job, _ in batch])
            except Exception as error:
                # The jobs of this batch must not wait forever, whatever the error is.
                results = [error] * len(batch)
            futures = [future for _, future in batch]
            try:
                self._loop.call_soon_threadsafe(_set_results, futures, results)
            except RuntimeError:
                return  # the loop is closed, so there are no clients
            # An idle thread must not keep the request bodies of its last batch in memory.
            del batch, futures, results

    def _next_batch(self) -> list[tuple[Job, asyncio.Future[Result]]]:
        """Wait for jobs; return an empty list after `stop`."""
        first = self._jobs.get()
        if first is None:
            return []
        batch = [first]
        limit = self._max_batch_size
        if not self._max_delay_s:
            # Other threads may be idle: leave jobs for them.
            limit = min(limit, math.ceil((1 + self._jobs.qsize()) / len(self._threads)))
        deadline = time.monotonic() + self._max_delay_s
        while len(batch) < limit:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    break
                # Not get(timeout=left_s): CPython's SimpleQueue computes a negative rest of the
                # timeout now and then, and waits until the next job.
                time.sleep(min(left_s, _POLL_S))
                continue
            if job is None:
                self._jobs.put(None)  # ends this thread after this batch
                break
            batch.append(job)
        return batch


def _set_results(
    futures: Sequence[asyncio.Future[Result]], results: Sequence[Result | Exception]
) -> None:
    for future, result in zip(futures, results, strict=True):
        if future.done():
            continue  # the client disconnected
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
