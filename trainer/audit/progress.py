"""The progress of an audit, with an estimate of the remaining time."""

from __future__ import annotations

import time
from typing import TextIO

from trainer.progress import describe_time, write_bar

# CPU seconds per second on two cores, until the first measurement is done.
_ASSUMED_SPEED = 1.5
_SECONDS_PER_LINE = 10.0


class AuditProgress:
    """A bar on a terminal, a line every few seconds in a log."""

    def __init__(self, stream: TextIO, total_s: float) -> None:
        """Start.

        Args:
            stream: where the progress is shown.
            total_s: CPU seconds of all measurements that are not done yet.
        """
        self._stream, self._total_s = stream, total_s
        self._started = time.monotonic()
        self._last_shown = float("-inf")

    def update(self, done_s: float, task: str) -> None:
        """Show the progress.

        Args:
            done_s: CPU seconds of the measurements that are done.
            task: the current measurement.
        """
        now = time.monotonic()
        fraction = min(done_s / self._total_s, 1.0) if self._total_s else 1.0
        is_terminal = self._stream.isatty()
        if not is_terminal and fraction < 1 and now - self._last_shown < _SECONDS_PER_LINE:
            return
        self._last_shown = now
        text = f"{fraction:.0%}, {describe_time(self._estimate_left_s(done_s, now))} left: {task}"
        if is_terminal:
            write_bar(self._stream, "audit", fraction, text)
        else:
            self._stream.write(f"audit: {text}\n")
            self._stream.flush()

    def _estimate_left_s(self, done_s: float, now: float) -> float:
        speed = _ASSUMED_SPEED
        if done_s and done_s >= self._total_s / 10:  # the first seconds are start-up
            speed = done_s / max(now - self._started, 1e-9)
        return (self._total_s - done_s) / speed
