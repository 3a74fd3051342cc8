from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest

from inference_service.batching import Batcher
from inference_service.errors import QueueFull


class Doubler:
    """Doubles numbers, records the batches, and waits while `gate` is clear."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.started = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, jobs: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(jobs))
        self.started.release()
        assert self.gate.wait(10)
        return [ValueError(f"{job} is odd") if job % 2 else job * 2 for job in jobs]


def new_batcher(run: object, **options: object) -> Batcher[int, int]:
    defaults = {"threads": 1, "max_batch_size": 4, "max_delay_s": 0.0, "max_queue_size": 100}
    return Batcher(run, **{**defaults, **options})  # type: ignore[arg-type]


def test_every_job_gets_its_own_result_or_error() -> None:
    async def main() -> None:
        batcher = new_batcher(Doubler(), threads=3)
        batcher.start()
        results = await asyncio.gather(*map(batcher.submit, range(50)), return_exceptions=True)
        for number, result in enumerate(results):
            assert str(result) == (f"{number} is odd" if number % 2 else str(number * 2))
        assert batcher.queue_size == 0
        batcher.stop()

    asyncio.run(main())


def test_queued_jobs_run_together_up_to_the_maximum_batch_size() -> None:
    async def main() -> None:
        run = Doubler()
        run.gate.clear()
        batcher = new_batcher(run)
        batcher.start()
        first = asyncio.create_task(batcher.submit(0))
        await asyncio.to_thread(run.started.acquire, timeout=10)
        others = [asyncio.create_task(batcher.submit(n)) for n in (2, 4, 6, 8, 10, 12)]
        await asyncio.sleep(0.01)
        run.gate.set()
        assert await asyncio.gather(first, *others) == [0, 4, 8, 12, 16, 20, 24]
        assert run.batches == [[0], [2, 4, 6, 8], [10, 12]]
        batcher.stop()

    asyncio.run(main())


def test_an_incomplete_batch_waits_for_more_jobs_until_the_delay_is_over() -> None:
    async def main() -> None:
        run = Doubler()
        batcher = new_batcher(run, max_delay_s=1.0)
        batcher.start()
        started = time.monotonic()
        first = asyncio.create_task(batcher.submit(0))
        await asyncio.sleep(0.05)
        assert await asyncio.gather(first, batcher.submit(2)) == [0, 4]
        assert run.batches == [[0, 2]]
        assert time.monotonic() - started >= 0.9
        batcher.stop()

    asyncio.run(main())


def test_no_job_waits_for_the_next_one() -> None:
    # Waiting with the timeout of SimpleQueue lost one in 1,500 to 10,000 jobs at this delay.
    async def main() -> None:
        batcher = new_batcher(list, threads=2, max_delay_s=3e-6)
        batcher.start()
        for number in range(10_000):
            assert await asyncio.wait_for(batcher.submit(number), 20) == number
        batcher.stop()

    asyncio.run(main())


def test_a_complete_batch_does_not_wait() -> None:
    async def main() -> None:
        batcher = new_batcher(Doubler(), max_delay_s=30.0)
        batcher.start()
        started = time.monotonic()
        await asyncio.gather(*map(batcher.submit, (2, 4, 6, 8)))
        assert time.monotonic() - started < 15
        batcher.stop()

    asyncio.run(main())


def test_without_a_delay_a_thread_leaves_the_other_threads_their_share() -> None:
    async def main() -> None:
        run = Doubler()
        run.gate.clear()
        batcher = new_batcher(run, threads=2, max_batch_size=8)
        batcher.start()
        first = [asyncio.create_task(batcher.submit(0))]
        await asyncio.to_thread(run.started.acquire, timeout=10)
        first.append(asyncio.create_task(batcher.submit(2)))
        await asyncio.to_thread(run.started.acquire, timeout=10)
        more = [asyncio.create_task(batcher.submit(n)) for n in range(4, 20, 2)]
        await asyncio.sleep(0.05)
        run.gate.set()
        assert await asyncio.gather(*first, *more) == [2 * n for n in range(0, 20, 2)]
        assert 2 <= max(map(len, run.batches)) <= 4
        batcher.stop()

    asyncio.run(main())


def test_a_full_queue_rejects_at_once_and_accepts_again_later() -> None:
    async def main() -> None:
        run = Doubler()
        run.gate.clear()
        batcher = new_batcher(run, max_queue_size=3)
        batcher.start()
        accepted = [asyncio.create_task(batcher.submit(n)) for n in (0, 2, 4)]
        await asyncio.sleep(0.01)
        with pytest.raises(QueueFull, match="the queue is full: 3 requests are waiting"):
            await batcher.submit(6)
        assert batcher.rejections == 1
        run.gate.set()
        assert await asyncio.gather(*accepted) == [0, 4, 8]
        assert await batcher.submit(6) == 12
        batcher.stop()

    asyncio.run(main())


def test_an_exception_of_a_batch_reaches_all_its_jobs_and_the_next_batch_runs() -> None:
    def run(jobs: Sequence[int]) -> list[int | Exception]:
        if 13 in jobs:
            raise MemoryError("the engine is out of memory")
        return list(jobs)

    async def main() -> None:
        batcher = new_batcher(run, max_batch_size=3, max_delay_s=5.0)
        batcher.start()
        results = await asyncio.gather(*map(batcher.submit, (1, 13, 2)), return_exceptions=True)
        assert [type(result) for result in results] == [MemoryError] * 3
        assert await asyncio.gather(*map(batcher.submit, (5, 6, 7))) == [5, 6, 7]
        batcher.stop()

    asyncio.run(main())


def test_a_client_that_disconnects_does_not_affect_the_results_of_others() -> None:
    async def main() -> None:
        run = Doubler()
        run.gate.clear()
        batcher = new_batcher(run)
        batcher.start()
        cancelled = asyncio.create_task(batcher.submit(0))
        other = asyncio.create_task(batcher.submit(2))
        await asyncio.sleep(0.01)
        cancelled.cancel()
        await asyncio.sleep(0)
        assert batcher.queue_size == 1
        run.gate.set()
        assert await other == 4
        batcher.stop()

    asyncio.run(main())


def test_queued_jobs_get_their_results_after_stop() -> None:
    async def main() -> None:
        run = Doubler()
        run.gate.clear()
        batcher = new_batcher(run, threads=2)
        batcher.start()
        accepted = [asyncio.create_task(batcher.submit(n)) for n in range(0, 20, 2)]
        await asyncio.sleep(0.01)
        batcher.stop()
        run.gate.set()
        assert await asyncio.gather(*accepted) == [2 * n for n in range(0, 20, 2)]

    asyncio.run(main())
