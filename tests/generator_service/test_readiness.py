from __future__ import annotations

import asyncio
import logging

import pytest

from generator_service.errors import NotReady
from generator_service.readiness import Readiness
from generator_service.rendering.render_options import RenderOptions
from generator_service.worker_pool import WorkerPool
from shared.captchas.spec import CaptchaSpec


class FailingPool(WorkerPool):
    """Fails to render as often as it is told."""

    def __init__(self, failures: int) -> None:
        super().__init__(CaptchaSpec(), RenderOptions(), 1)
        self._failures = failures

    async def warm_up(self) -> None:
        if self._failures:
            self._failures -= 1
            raise RuntimeError("no memory")


def test_the_service_is_ready_after_the_first_captcha() -> None:
    readiness = Readiness()
    with pytest.raises(NotReady, match="the worker processes are starting"):
        readiness.check()
    asyncio.run(readiness.warm_up(FailingPool(0)))
    readiness.check()


def test_workers_that_fail_are_tried_again_until_they_render(
    caplog: pytest.LogCaptureFixture,
) -> None:
    readiness = Readiness(retry_s=0)
    with caplog.at_level(logging.WARNING):
        asyncio.run(readiness.warm_up(FailingPool(3)))
    readiness.check()
    assert [record.levelname for record in caplog.records] == 3 * ["WARNING"]
    message = "the first captcha could not be rendered: no memory; trying again in 0 s"
    assert {record.message for record in caplog.records} == {message}


def test_between_two_attempts_the_service_is_not_ready_and_says_why() -> None:
    async def run() -> None:
        warm_up = asyncio.create_task(readiness.warm_up(FailingPool(1)))
        await asyncio.sleep(0.01)
        with pytest.raises(NotReady, match="the first captcha could not be rendered: no memory"):
            readiness.check()
        assert not warm_up.done()
        warm_up.cancel()

    readiness = Readiness(retry_s=60)
    asyncio.run(run())
