"""Readiness of the service: whether its worker processes have rendered."""

from __future__ import annotations

import asyncio
import logging

from generator_service.errors import NotReady
from generator_service.worker_pool import WorkerPool

# A worker that ran out of memory needs some seconds until there is memory again.
RETRY_S = 5.0

log = logging.getLogger(__name__)


class Readiness:
    """Whether the worker processes have rendered.

    Args:
        retry_s: pause after a failed attempt, in seconds.
    """

    def __init__(self, retry_s: float = RETRY_S) -> None:
        self._retry_s = retry_s
        self._problem: str | None = "the worker processes are starting"

    async def warm_up(self, pool: WorkerPool) -> None:
        """Start the workers, and try again until they render."""
        while True:
            try:
                await pool.warm_up()
            except Exception as error:
                self._problem = f"the first captcha could not be rendered: {error}"
                log.warning("%s; trying again in %g s", self._problem, self._retry_s, exc_info=True)
                await asyncio.sleep(self._retry_s)
            else:
                self._problem = None
                return

    def check(self) -> None:
        """Check that the service is ready.

        Raises:
            NotReady: if it is not; the message says why.
        """
        if self._problem:
            raise NotReady(self._problem)
