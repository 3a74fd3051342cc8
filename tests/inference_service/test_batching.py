"""Jobs go to threads together, come back to whoever sent them, and never pile up."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest

from inference_service.batching import Batcher, QueueFull


class Doubler:
    """Doubles numbers, remembers the batches, and can be held up."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.began = threading.Semaphore(0)
        self.may_run = threading.Event()
        self.may_run.set()

    def __call__(self, jobs: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(jobs))
        self.began.release()
        assert self.may_run.wait(10)
        return [ValueError(f"{job} is odd") if job % 2 else job * 2 for job in jobs]


def batcher(run: object, **options: object) -> Batcher[int, int]:
    settings = {"threads": 1, "max_batch": 4, "max_delay_s": 0.0, "max_waiting": 100}
    return Batcher(run, **{**settings, **options})  # type: ignore[arg-type]


def test_every_job_gets_its_own_result_or_error() -> None:
    async def main() -> None:
        jobs = batcher(Doubler(), threads=3)
        jobs.start()
        results = await asyncio.gather(*map(jobs.submit, range(50)), return_exceptions=True)
        for number, result in enumerate(results):
            assert str(result) == (f"{number} is odd" if number % 2 else str(number * 2))
        assert jobs.waiting == 0
        jobs.stop()

    asyncio.run(main())


def test_what_waits_together_runs_together_up_to_the_limit() -> None:
    async def main() -> None:
        run = Doubler()
        run.may_run.clear()
        jobs = batcher(run)
        jobs.start()
        first = asyncio.create_task(jobs.submit(0))
        await asyncio.to_thread(run.began.acquire, timeout=10)
        others = [asyncio.create_task(jobs.submit(n)) for n in (2, 4, 6, 8, 10, 12)]
        await asyncio.sleep(0.01)
        run.may_run.set()
        assert await asyncio.gather(first, *others) == [0, 4, 8, 12, 16, 20, 24]
        assert run.batches == [[0], [2, 4, 6, 8], [10, 12]]
        jobs.stop()

    asyncio.run(main())


def test_a_thread_waits_for_company_but_not_longer_than_it_may() -> None:
    async def main() -> None:
        run = Doubler()
        jobs = batcher(run, max_delay_s=0.2)
        jobs.start()
        began = time.monotonic()
        first = asyncio.create_task(jobs.submit(0))
        await asyncio.sleep(0.05)
        assert await asyncio.gather(first, jobs.submit(2)) == [0, 4]
        assert run.batches == [[0, 2]]
        assert 0.15 < time.monotonic() - began < 2
        began = time.monotonic()
        # A batch that is full does not wait.
        await asyncio.gather(*map(jobs.submit, (2, 4, 6, 8)))
        assert time.monotonic() - began < 0.15
        jobs.stop()

    asyncio.run(main())


def test_without_a_delay_a_thread_leaves_the_others_their_share() -> None:
    async def main() -> None:
        run = Doubler()
        run.may_run.clear()
        jobs = batcher(run, threads=2, max_batch=8)
        jobs.start()
        first = [asyncio.create_task(jobs.submit(n)) for n in (0, 2)]
        for _ in first:
            await asyncio.to_thread(run.began.acquire, timeout=10)
        then = [asyncio.create_task(jobs.submit(n)) for n in range(4, 20, 2)]
        await asyncio.sleep(0.05)
        run.may_run.set()
        assert await asyncio.gather(*first, *then) == [2 * n for n in range(0, 20, 2)]
        assert 2 <= max(map(len, run.batches)) <= 4
        jobs.stop()

    asyncio.run(main())


def test_a_full_queue_refuses_at_once_and_takes_again_later() -> None:
    async def main() -> None:
        run = Doubler()
        run.may_run.clear()
        jobs = batcher(run, max_waiting=3)
        jobs.start()
        taken = [asyncio.create_task(jobs.submit(n)) for n in (0, 2, 4)]
        await asyncio.sleep(0.01)
        with pytest.raises(QueueFull, match="3 requests are waiting"):
            await jobs.submit(6)
        run.may_run.set()
        assert await asyncio.gather(*taken) == [0, 4, 8]
        assert await jobs.submit(6) == 12
        jobs.stop()

    asyncio.run(main())


def test_a_batch_that_breaks_answers_all_its_jobs_and_the_next_goes_on() -> None:
    def run(jobs: Sequence[int]) -> list[int | Exception]:
        if 13 in jobs:
            raise MemoryError("the engine is out of memory")
        return list(jobs)

    async def main() -> None:
        jobs = batcher(run, max_delay_s=0.05)
        jobs.start()
        results = await asyncio.gather(*map(jobs.submit, (1, 13, 2)), return_exceptions=True)
        assert [type(result) for result in results] == [MemoryError] * 3
        assert await jobs.submit(5) == 5
        jobs.stop()

    asyncio.run(main())


def test_a_client_that_left_does_not_keep_others_from_their_results() -> None:
    async def main() -> None:
        run = Doubler()
        run.may_run.clear()
        jobs = batcher(run)
        jobs.start()
        gone = asyncio.create_task(jobs.submit(0))
        stays = asyncio.create_task(jobs.submit(2))
        await asyncio.sleep(0.01)
        gone.cancel()
        await asyncio.sleep(0)
        assert jobs.waiting == 1
        run.may_run.set()
        assert await stays == 4
        jobs.stop()

    asyncio.run(main())


def test_stopping_answers_what_was_taken() -> None:
    async def main() -> None:
        run = Doubler()
        run.may_run.clear()
        jobs = batcher(run, threads=2)
        jobs.start()
        taken = [asyncio.create_task(jobs.submit(n)) for n in range(0, 20, 2)]
        await asyncio.sleep(0.01)
        jobs.stop()
        run.may_run.set()
        assert await asyncio.gather(*taken) == [2 * n for n in range(0, 20, 2)]

    asyncio.run(main())
