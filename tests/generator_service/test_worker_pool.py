from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from generator_service.errors import FontError, MissingRecording, TooBusy
from generator_service.rendering.dataset_batches import render_grey_batch, render_png_batch
from generator_service.rendering.render_options import RenderOptions
from generator_service.settings import SyntheticSettings
from generator_service.worker_pool import (
    AUDIO_WEIGHT,
    BATCH_SIZE,
    MAX_BATCH_BYTES,
    MAX_WAITING,
    QUESTION_WEIGHT,
    WorkerPool,
)
from shared.captchas.spec import STYLES, CaptchaSpec, SpecError, Style

SPEC = CaptchaSpec()
OPTIONS = RenderOptions()
COUNT = 3 * BATCH_SIZE + 5


async def collect_grey(
    pool: WorkerPool, seed: int, start: int, count: int, spec: CaptchaSpec = SPEC
) -> bytes:
    batches = pool.render_grey_batches(spec, seed, start, count)
    return b"".join([batch async for batch in batches])


def test_batches_of_several_workers_equal_one_batch_of_one_process(pool: WorkerPool) -> None:
    async def collect() -> tuple[bytes, list[tuple[str, bytes]]]:
        batches = [batch async for batch in pool.render_png_batches(SPEC, 11, 2, COUNT)]
        return await collect_grey(pool, 11, 2, COUNT), [pair for batch in batches for pair in batch]

    grey, captchas = asyncio.run(collect())
    assert grey == render_grey_batch(SPEC, OPTIONS, 11, 2, 2 + COUNT)
    assert captchas == render_png_batch(SPEC, OPTIONS, 11, 2, 2 + COUNT)


@pytest.mark.parametrize("style", STYLES)
def test_several_workers_render_the_pixels_of_one_process(pool: WorkerPool, style: Style) -> None:
    spec = CaptchaSpec("aB3+", 8, min_length=1, style=style)
    grey = asyncio.run(collect_grey(pool, 11, 2, COUNT, spec))
    assert grey == render_grey_batch(spec, OPTIONS, 11, 2, 2 + COUNT)


def test_workers_render_with_the_options_of_the_pool() -> None:
    synthetic = SyntheticSettings.load(max_lines=0, max_dots=0, max_noise=0)
    options = RenderOptions(synthetic_fonts=OPTIONS.synthetic_fonts[3:5], synthetic=synthetic)
    spec = CaptchaSpec(style="synthetic")
    pool = WorkerPool(spec, options, 1)
    grey = asyncio.run(collect_grey(pool, 1, 0, 20, spec))
    pool.close()
    assert grey == render_grey_batch(spec, options, 1, 0, 20)
    assert grey != render_grey_batch(spec, OPTIONS, 1, 0, 20)


def test_a_dataset_can_be_rendered_in_parts(pool: WorkerPool) -> None:
    async def collect() -> tuple[bytes, bytes]:
        parts = await collect_grey(pool, 3, 0, 41) + await collect_grey(pool, 3, 41, 49)
        return await collect_grey(pool, 3, 0, 90), parts

    whole, parts = asyncio.run(collect())
    assert whole == parts
    assert len(whole) == 90 * 160 * 60


@pytest.mark.parametrize(("side_px", "captchas"), [(1000, 1), (500, 4), (150, 32)])
def test_a_batch_has_fewer_captchas_the_larger_they_are(
    pool: WorkerPool, side_px: int, captchas: int
) -> None:
    async def measure() -> tuple[list[int], list[int]]:
        grey = pool.render_grey_batches(spec, 1, 0, 2 * captchas)
        png = pool.render_png_batches(spec, 1, 0, 2 * captchas)
        return [len(batch) async for batch in grey], [len(batch) async for batch in png]

    spec = CaptchaSpec(width=side_px, height=side_px, style="line")
    pixels, counts = asyncio.run(measure())
    assert pixels == 2 * [captchas * side_px**2]
    assert max(pixels) <= MAX_BATCH_BYTES
    assert counts == 2 * [captchas]


def test_more_captchas_than_can_wait_are_rejected(pool: WorkerPool) -> None:
    async def render_many() -> list[object]:
        count = MAX_WAITING * pool.processes + 10
        tasks = (pool.render_png("1234", seed) for seed in range(count))
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await pool.render_png("1234", 1)  # there is room again
        return list(results)

    results = asyncio.run(render_many())
    rejected = [result for result in results if isinstance(result, TooBusy)]
    assert len(rejected) == 10
    assert "wait to be rendered; retry later" in str(rejected[0])
    assert sum(isinstance(result, bytes) for result in results) == len(results) - 10


def test_spoken_captchas_and_questions_count_as_several_images(pool: WorkerPool) -> None:
    async def count_rejected(render: Callable[[int], Awaitable[object]], count: int) -> int:
        tasks = map(render, range(count))
        results = await asyncio.gather(*tasks, return_exceptions=True)
        return sum(isinstance(result, TooBusy) for result in results)

    limit = MAX_WAITING * pool.processes
    audio, questions = limit // (4 * AUDIO_WEIGHT), limit // QUESTION_WEIGHT
    for rejected in (0, 3):
        assert rejected == asyncio.run(
            count_rejected(lambda seed: pool.render_audio("1234", seed), audio + rejected)
        )
        assert rejected == asyncio.run(count_rejected(pool.draw_question, questions + rejected))


def test_a_captcha_waits_for_few_batches_however_many_datasets_there_are() -> None:
    pool = WorkerPool(SPEC, OPTIONS, 1)
    rendered = 0

    async def read(seed: int) -> None:
        nonlocal rendered
        async for _ in pool.render_grey_batches(SPEC, seed, 0, 4 * BATCH_SIZE):
            rendered += 1

    async def render_beside_datasets() -> int:
        await pool.warm_up()
        datasets = [asyncio.create_task(read(seed)) for seed in range(8)]
        await asyncio.sleep(0.01)  # all of them have asked for batches
        before = rendered
        await pool.render_png("1234", 1)
        waited_for = rendered - before
        await asyncio.gather(*datasets)
        return waited_for

    # Two are at the worker or next, and one more can be finished before this is noticed.
    assert asyncio.run(render_beside_datasets()) <= 3
    assert rendered == 8 * 4
    pool.close()


def test_an_abandoned_dataset_cancels_its_waiting_batches(pool: WorkerPool) -> None:
    async def abandon() -> int:
        batches = pool.render_grey_batches(SPEC, 1, 0, 100_000)
        await anext(batches)
        await batches.aclose()
        await asyncio.sleep(0)
        return len(asyncio.all_tasks())

    assert asyncio.run(abandon()) == 1


def test_a_killed_worker_is_replaced_and_its_captcha_rendered_again() -> None:
    async def render() -> tuple[bytes, bytes]:
        before = await pool.render_png("1234", 1)
        for pid in list(pool._executor._processes):
            os.kill(pid, signal.SIGKILL)
        return before, await pool.render_png("1234", 1)

    pool = WorkerPool(SPEC, OPTIONS, 1)
    before, after = asyncio.run(render())
    pool.close()
    assert before == after


def send_worker_pids(connection: Connection) -> None:
    """Start the workers in a process of their own, send their ids and wait to be killed."""
    pool = WorkerPool(SPEC, OPTIONS, 1)
    asyncio.run(pool.warm_up())
    connection.send(list(pool._executor._processes))
    time.sleep(60)


def test_workers_end_when_their_parent_is_killed() -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    parent = context.Process(target=send_worker_pids, args=(theirs,))
    parent.start()
    assert ours.poll(30)
    workers = ours.recv()
    assert workers
    parent.kill()
    parent.join()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}/cmdline").exists() for pid in workers):
        assert time.monotonic() < deadline, "a worker is still running"
        time.sleep(0.05)


def test_the_event_loop_is_not_blocked_while_a_dataset_is_rendered(pool: WorkerPool) -> None:
    async def median_gap() -> float:
        loop = asyncio.get_running_loop()
        gaps = []

        async def tick() -> None:
            while True:
                started = loop.time()
                await asyncio.sleep(0.005)
                gaps.append(loop.time() - started)

        ticking = asyncio.create_task(tick())
        async for _ in pool.render_grey_batches(SPEC, 1, 0, 600):
            pass
        ticking.cancel()
        return sorted(gaps)[len(gaps) // 2]

    # Rendering 600 captchas takes over half a second, and so would a tick on a blocked loop.
    assert asyncio.run(median_gap()) < 0.05


def test_an_invalid_text_is_rejected_before_a_worker_starts() -> None:
    pool = WorkerPool(SPEC, OPTIONS, 1)
    with pytest.raises(SpecError):
        asyncio.run(pool.render_png("12a4", 1))
    with pytest.raises(SpecError):
        asyncio.run(pool.render_audio("12345", 1))
    assert not pool._executor._processes
    pool.close()


def test_an_error_in_a_worker_is_raised_in_the_caller() -> None:
    pool = WorkerPool(CaptchaSpec(charset="a1"), OPTIONS, 1)
    with pytest.raises(MissingRecording, match="'a'"):
        asyncio.run(pool.render_audio("a111", 1))
    pool.close()


def test_an_unusable_font_is_rejected_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(FontError, match="missing"):
        WorkerPool(SPEC, RenderOptions((str(tmp_path / "missing.ttf"),)), 1)
