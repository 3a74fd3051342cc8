from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from generator_service.renderer import CHUNK, Renderer
from shared.spec import CaptchaSpec, SpecError

SPEC = CaptchaSpec()
COUNT = 3 * CHUNK + 5


async def digests(renderer: Renderer) -> tuple[str, str]:
    grey, png = hashlib.sha256(), hashlib.sha256()
    async for pixels in renderer.grey_chunks(SPEC, 11, 2, COUNT):
        grey.update(pixels)
    async for pictures in renderer.png_chunks(SPEC, 11, 2, COUNT):
        for text, data in pictures:
            png.update(text.encode() + data)
    return grey.hexdigest(), png.hexdigest()


def test_bytes_do_not_depend_on_the_number_of_processes() -> None:
    results = set()
    for processes in (1, 2, 3):
        renderer = Renderer(SPEC, (), processes)
        results.add(asyncio.run(digests(renderer)))
        renderer.close()
    assert len(results) == 1


def test_a_dataset_can_be_drawn_in_parts() -> None:
    async def draw(start: int, count: int) -> bytes:
        return b"".join([chunk async for chunk in renderer.grey_chunks(SPEC, 3, start, count)])

    async def both() -> tuple[bytes, bytes]:
        return await draw(0, 90), await draw(0, 41) + await draw(41, 49)

    renderer = Renderer(SPEC, (), 2)
    whole, parts = asyncio.run(both())
    renderer.close()
    assert whole == parts
    assert len(whole) == 90 * 160 * 60


def test_a_killed_worker_is_replaced_and_nothing_is_lost() -> None:
    async def draw() -> tuple[bytes, bytes]:
        before = await renderer.png("1234", 1)
        for pid in list(renderer._pool._processes):
            os.kill(pid, signal.SIGKILL)
        return before, await renderer.png("1234", 1)

    renderer = Renderer(SPEC, (), 2)
    before, after = asyncio.run(draw())
    renderer.close()
    assert before == after


def draw_and_tell(connection) -> None:
    """In a process of its own: draws once, tells the workers' ids, waits to be killed."""
    renderer = Renderer(SPEC, (), 2)
    asyncio.run(renderer.warm_up())
    connection.send(list(renderer._pool._processes))
    time.sleep(60)


def test_workers_end_with_a_parent_that_was_killed() -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    parent = context.Process(target=draw_and_tell, args=(theirs,))
    parent.start()
    assert ours.poll(30)
    workers = ours.recv()
    assert workers
    parent.kill()
    parent.join()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}/cmdline").exists() for pid in workers):
        assert time.monotonic() < deadline, "a worker was left behind"
        time.sleep(0.05)


def test_the_event_loop_stays_free_while_a_dataset_is_drawn() -> None:
    async def longest_gap() -> float:
        loop = asyncio.get_running_loop()
        gaps = []

        async def tick() -> None:
            while True:
                began = loop.time()
                await asyncio.sleep(0.005)
                gaps.append(loop.time() - began)

        ticking = asyncio.create_task(tick())
        async for _ in renderer.grey_chunks(SPEC, 1, 0, 600):
            pass
        ticking.cancel()
        return sorted(gaps)[len(gaps) // 2]

    renderer = Renderer(SPEC, (), 2)
    # Drawing 600 captchas takes over half a second: on the loop, ticks would be that far apart.
    assert asyncio.run(longest_gap()) < 0.05
    renderer.close()


def test_a_text_that_cannot_be_is_refused_before_a_worker_is_asked() -> None:
    renderer = Renderer(SPEC, (), 1)
    with pytest.raises(SpecError):
        asyncio.run(renderer.png("12a4", 1))
    assert not renderer._pool._processes
    renderer.close()
