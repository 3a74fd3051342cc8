from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest

from inference_service.errors import QueueFull
from inference_service.prediction.batching import Batcher


class Doubler:
    """Doubles numbers, records batches and threads, and waits while `gate` is clear."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.threads: set[int] = set()
        self.started = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, jobs: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(jobs))
        self.threads.add(threading.get_ident())
        self.started.release()
        assert self.gate.wait(10)
        return [ValueError(f"{job} is odd") if job % 2 else job * 2 for job in jobs]


@pytest.fixture(params=["loop", "thread"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor | None]:
    """Yield None for the event loop, and an executor of one thread."""
    if request.param == "loop":
        yield None
        return
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.fixture
def thread() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def new_batcher(run: object, executor: Executor | None, **options: int) -> Batcher[int, int]:
    sizes = {"max_batch_size": 4, "max_queue_size": 100} | options
    return Batcher(run, executor=executor, **sizes)  # type: ignore[arg-type]


def run_test(test: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        await asyncio.wait_for(test(), 20)

    asyncio.run(limited())


def test_every_job_gets_its_own_result_or_error(executor: Executor | None) -> None:
    async def main() -> None:
        batcher = new_batcher(Doubler(), executor)
        results = await asyncio.gather(*map(batcher.submit, range(50)), return_exceptions=True)
        for number, result in enumerate(results):
            assert str(result) == (f"{number} is odd" if number % 2 else str(number * 2))
        assert batcher.queue_size == 0

    run_test(main)


def test_jobs_of_one_turn_run_on_the_event_loop_in_order_and_in_batches() -> None:
    async def main() -> None:
        run = Doubler()
        batcher = new_batcher(run, None)
        numbers = range(0, 20, 2)
        assert await asyncio.gather(*map(batcher.submit, numbers)) == [2 * n for n in numbers]
        assert run.batches == [[0, 2, 4, 6], [8, 10, 12, 14], [16, 18]]
        assert run.threads == {threading.get_ident()}

    run_test(main)


def test_the_event_loop_does_other_work_between_two_batches() -> None:
    async def main() -> None:
        run = Doubler()
        batcher = new_batcher(run, None, max_batch_size=1)
        jobs = [asyncio.create_task(batcher.submit(n)) for n in (0, 2, 4, 6)]
        seen = []
        while not all(job.done() for job in jobs):
            await asyncio.sleep(0)
            seen.append(len(run.batches))
        assert {1, 2, 3} <= set(seen)

    run_test(main)


def test_jobs_that_arrive_during_a_batch_on_the_thread_are_the_next_batches(
    thread: Executor,
) -> None:
    async def main() -> None:
        run = Doubler()
        run.gate.clear()
        batcher = new_batcher(run, thread)
        first = asyncio.create_task(batcher.submit(0))
        await asyncio.to_thread(run.started.acquire, timeout=10)
        others = [asyncio.create_task(batcher.submit(n)) for n in (2, 4, 6, 8, 10, 12)]
        await asyncio.sleep(0.01)
        run.gate.set()
        assert await asyncio.gather(first, *others) == [0, 4, 8, 12, 16, 20, 24]
        assert run.batches == [[0], [2, 4, 6, 8], [10, 12]]
        assert threading.get_ident() not in run.threads

    run_test(main)


def test_a_full_queue_rejects_at_once_and_accepts_again_later(executor: Executor | None) -> None:
    async def main() -> None:
        batcher = new_batcher(Doubler(), executor, max_queue_size=3)
        accepted = asyncio.gather(*map(batcher.submit, (0, 2, 4)))
        rejected = asyncio.create_task(batcher.submit(6))
        with pytest.raises(QueueFull, match="the queue is full: 3 requests are waiting"):
            await rejected
        assert not accepted.done()
        assert batcher.rejections == 1
        assert await accepted == [0, 4, 8]
        assert await batcher.submit(6) == 12

    run_test(main)


def test_an_exception_of_a_batch_reaches_all_its_jobs_and_the_next_batch_runs(
    executor: Executor | None,
) -> None:
    def run(jobs: Sequence[int]) -> list[int | Exception]:
        if 13 in jobs:
            raise MemoryError("the engine is out of memory")
        return list(jobs)

    async def main() -> None:
        batcher = new_batcher(run, executor, max_batch_size=3)
        numbers = (1, 13, 2, 5, 6, 7)
        results = await asyncio.gather(*map(batcher.submit, numbers), return_exceptions=True)
        assert [type(result) for result in results[:3]] == [MemoryError] * 3
        assert results[3:] == [5, 6, 7]

    run_test(main)


def test_a_client_that_disconnects_while_it_waits_costs_no_prediction(
    executor: Executor | None,
) -> None:
    async def main() -> None:
        run = Doubler()
        batcher = new_batcher(run, executor)
        cancelled, other = (asyncio.create_task(batcher.submit(n)) for n in (0, 2))
        asyncio.get_running_loop().call_soon(cancelled.cancel)
        assert await other == 4
        assert cancelled.cancelled()
        assert (run.batches, batcher.queue_size) == ([[2]], 0)

    run_test(main)


def test_if_all_clients_disconnect_nothing_runs_and_later_jobs_do(
    executor: Executor | None,
) -> None:
    async def main() -> None:
        run = Doubler()
        batcher = new_batcher(run, executor)
        cancelled = asyncio.create_task(batcher.submit(0))
        asyncio.get_running_loop().call_soon(cancelled.cancel)
        await asyncio.gather(cancelled, return_exceptions=True)
        assert await batcher.submit(2) == 4
        assert run.batches == [[2]]

    run_test(main)


def test_a_client_that_disconnects_during_its_prediction_does_not_affect_others(
    thread: Executor,
) -> None:
    async def main() -> None:
        run = Doubler()
        run.gate.clear()
        batcher = new_batcher(run, thread)
        cancelled, other = (asyncio.create_task(batcher.submit(n)) for n in (0, 2))
        await asyncio.to_thread(run.started.acquire, timeout=10)
        cancelled.cancel()
        await asyncio.sleep(0)
        assert batcher.queue_size == 1
        run.gate.set()
        assert await other == 4

    run_test(main)


def test_two_batchers_share_a_thread(thread: Executor) -> None:
    async def main() -> None:
        run = Doubler()
        batchers = [new_batcher(run, thread) for _ in range(2)]
        jobs = [batcher.submit(n) for n in (2, 4, 6) for batcher in batchers]
        assert await asyncio.gather(*jobs) == [4, 4, 8, 8, 12, 12]
        assert len(run.threads) == 1

    run_test(main)
