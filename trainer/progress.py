"""Progress of a counted task: a bar on a terminal, a line every few seconds in a log; durations."""

from __future__ import annotations

import time
from typing import TextIO

_BAR_WIDTH = 30
_SECONDS_PER_LINE = 5.0


class Progress:
    """Progress of one task, for example "train captchas", on a text stream."""

    def __init__(self, stream: TextIO, task: str, total: int) -> None:
        self._stream = stream
        self._task = task
        self._total = total
        self._started = self._last_shown = time.monotonic()

    def update(self, done: int, note: str = "") -> None:
        """Show how much is done: at once on a terminal, every few seconds in a log."""
        now = time.monotonic()
        # Keras counts in steps per execution, beyond the end of an epoch.
        done = min(done, self._total)
        is_finished = done == self._total
        rate = done / max(now - self._started, 1e-9)
        speed = f" ({rate:,.0f}/s)" if rate >= 1 else ""
        count = f"{done:,} of {self._total:,}{speed}"
        if self._stream.isatty():
            write_bar(self._stream, self._task, done / self._total, f"{count} {note}")
        elif is_finished or now - self._last_shown >= _SECONDS_PER_LINE:
            self._last_shown = now
            self._stream.write(f"{self._task}: {count}{note and ', ' + note}\n")
            self._stream.flush()


def write_bar(terminal: TextIO, task: str, fraction: float, text: str) -> None:
    """Replace the last line of a terminal by a bar, and end the line when the task is finished."""
    filled = int(_BAR_WIDTH * fraction)
    bar = "#" * filled + "." * (_BAR_WIDTH - filled)
    # \x1b[K clears the rest of a longer previous line.
    end = "\n" if fraction == 1 else ""
    terminal.write(f"\r{task} [{bar}] {text}\x1b[K{end}")
    terminal.flush()


def describe_time(seconds: float) -> str:
    """Return a duration for messages: "about 40 s", "about 3 min", "about 2.5 h"."""
    if seconds < 90:
        return f"about {seconds:.0f} s"
    if seconds < 5_400:
        return f"about {seconds / 60:.0f} min"
    return f"about {seconds / 3600:.1f} h"
