"""The time limit of a request that waits for the worker thread."""

from __future__ import annotations

import time
from collections.abc import Callable

from inference_service.errors import RequestTimeout


class Deadline:
    """A time limit that starts when the object is created."""

    def __init__(self, limit_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit_s, self._clock = limit_s, clock
        self._ends = clock() + limit_s

    def is_over(self) -> bool:
        """Return whether the time is over."""
        return self._clock() > self._ends

    def check(self) -> None:
        """Raise RequestTimeout if the time is over."""
        if self.is_over():
            raise RequestTimeout(
                f"the image was not reached within {self._limit_s:g} s;"
                " send fewer or smaller images in one request"
            )
