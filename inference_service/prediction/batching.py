"""Batching: jobs that arrive together run in one call, on the event loop or on a worker thread."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Generic, TypeVar

from inference_service.errors import QueueFull

Job = TypeVar("Job")
Result = TypeVar("Result")


class Batcher(Generic[Job, Result]):
    """Runs jobs in the order of their arrival, in batches of up to `max_batch_size`.

    Without an executor, the jobs that arrive in one turn of the event loop run on the loop itself,
    one batch per turn. For short jobs this is faster than passing them to a thread. With an
    executor, the jobs that arrive during a batch are the next batch. Every job gets a result or an
    exception.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Job]], Sequence[Result | Exception]],
        *,
        max_batch_size: int,
        max_queue_size: int,
        executor: Executor | None = None,
    ) -> None:
        """Create a batcher, which is used on one event loop.

        Args:
            run: returns a result or an exception for each job of a batch.
            max_batch_size: maximum number of jobs per call of `run`.
            max_queue_size: maximum number of unfinished jobs.
            executor: where `run` is called, one batch at a time; None means the event loop.
        """
        self.queue_size = 0
        """Unfinished jobs."""
        self.rejections = 0
        """Jobs that were rejected because the queue was full."""
        self._run = run
        self._max_batch_size = max_batch_size
        self._max_queue_size = max_queue_size
        self._executor = executor
        self._waiting: deque[tuple[Job, asyncio.Future[Result]]] = deque()
        self._is_scheduled = False

    async def submit(self, job: Job) -> Result:
        """Return the result of a job.

        Raises:
            QueueFull: at once, if there are `max_queue_size` unfinished jobs.
            Exception: what `run` returned for this job.
        """
        if self.queue_size >= self._max_queue_size:
            self.rejections += 1
            raise QueueFull(
                f"the queue is full: {self.queue_size} requests are waiting; retry later"
            )
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self.queue_size += 1
        try:
            self._waiting.append((job, future))
            self._schedule()
            return await future
        finally:
            self.queue_size -= 1
            # The traceback of an exception refers to this frame. With a reference to the future,
            # which has the exception, it would keep the job in memory until a garbage collection.
            del job, future

    def _schedule(self) -> None:
        """Run a batch in the next turn of the event loop, unless one runs or none is needed."""
        if self._waiting and not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._run_next)

    def _run_next(self) -> None:
        jobs: list[Job] = []
        futures: list[asyncio.Future[Result]] = []
        while self._waiting and len(jobs) < self._max_batch_size:
            job, future = self._waiting.popleft()
            if not future.done():  # otherwise the request was cancelled
                jobs.append(job)
                futures.append(future)
        if self._executor is None or not jobs:
            self._finish(futures, self._run_safely(jobs))
            return
        running = asyncio.get_running_loop().run_in_executor(self._executor, self._run_safely, jobs)
        running.add_done_callback(lambda done: self._finish(futures, done.result()))

    def _run_safely(self, jobs: Sequence[Job]) -> Sequence[Result | Exception]:
        try:
            return self._run(jobs) if jobs else ()
        except Exception as error:
            # The jobs of this batch must not wait forever, whatever the error is.
            return [error] * len(jobs)

    def _finish(
        self, futures: Sequence[asyncio.Future[Result]], results: Sequence[Result | Exception]
    ) -> None:
        for future, result in zip(futures, results, strict=True):
            if future.done():
                continue  # the request was cancelled
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
        self._is_scheduled = False
        self._schedule()
