"""Readiness of the service: whether its worker processes have rendered."""

from __future__ import annotations

import logging

from generator_service.errors import NotReady
from generator_service.worker_pool import WorkerPool

log = logging.getLogger(__name__)


class Readiness:
    """Whether the worker processes have rendered."""

    def __init__(self) -> None:
        self._problem: str | None = "the worker processes are starting"

    async def warm_up(self, pool: WorkerPool) -> None:
        """Start the workers and record whether they render."""
        try:
            await pool.warm_up()
        except Exception as error:
            log.exception("the first captcha could not be rendered")
            self._problem = f"the first captcha could not be rendered: {error}"
        else:
            self._problem = None

    def check(self) -> None:
        """Check that the service is ready.

        Raises:
            NotReady: if it is not; the message says why.
        """
        if self._problem:
            raise NotReady(self._problem)
