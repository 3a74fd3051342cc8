"""Shows how far a job is: a bar on a terminal, plain lines in a log."""

from __future__ import annotations

import time
from typing import TextIO

_BAR_WIDTH = 30
_LINE_EVERY_S = 5.0


class Progress:
    """One counted job, for example "training captchas", on a text stream."""

    def __init__(self, stream: TextIO, what: str, total: int) -> None:
        self._stream = stream
        self._what = what
        self._total = total
        self._began = self._shown = time.monotonic()

    def update(self, done: int, note: str = "") -> None:
        """Tells how many are done; shown at once on a terminal, every few seconds in a log."""
        now = time.monotonic()
        # Keras counts in steps of several, past the end of a pass.
        done = min(done, self._total)
        finished = done == self._total
        if self._stream.isatty():
            self._draw_bar(done, note, finished)
        elif finished or now - self._shown >= _LINE_EVERY_S:
            self._shown = now
            self._stream.write(f"{self._what}: {self._count(done, now)}{note and ', ' + note}\n")
            self._stream.flush()

    def _draw_bar(self, done: int, note: str, finished: bool) -> None:
        filled = _BAR_WIDTH * done // self._total
        bar = "#" * filled + "." * (_BAR_WIDTH - filled)
        count = self._count(done, time.monotonic())
        end = "\n" if finished else ""
        # \x1b[K clears what a longer line left behind.
        self._stream.write(f"\r{self._what} [{bar}] {count} {note}\x1b[K{end}")
        self._stream.flush()

    def _count(self, done: int, now: float) -> str:
        seconds = now - self._began
        rate = done / seconds if seconds > 0 else 0.0
        return f"{done:,} of {self._total:,} ({rate:,.0f}/s)"
