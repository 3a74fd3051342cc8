"""Progress: a bar on a terminal, lines in a log; durations."""

from __future__ import annotations

import io
import time

import pytest

from tests.trainer.clock import Clock
from trainer.progress import Progress, describe_time


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Flushed(io.StringIO):
    """A stream whose reader sees only what was flushed."""

    def __init__(self, is_terminal: bool) -> None:
        super().__init__()
        self.seen, self.is_terminal = "", is_terminal

    def isatty(self) -> bool:
        return self.is_terminal

    def flush(self) -> None:
        super().flush()
        self.seen = self.getvalue()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


def test_a_log_gets_one_line_at_the_end_of_a_short_task() -> None:
    log = io.StringIO()
    progress = Progress(log, "captchas", 1_000)
    for done in range(100, 1_001, 100):
        progress.update(done)
    assert log.getvalue().startswith("captchas: 1,000 of 1,000 (")
    assert log.getvalue().endswith("/s)\n")
    assert log.getvalue().count("\n") == 1
    assert "\r" not in log.getvalue()


def test_a_slow_task_shows_no_speed(clock: Clock) -> None:
    log = io.StringIO()
    progress = Progress(log, "trainings", 3)
    clock.now = 1_060.0
    progress.update(1, "about 2 min left")
    assert log.getvalue() == "trainings: 1 of 3, about 2 min left\n"


def test_a_log_gets_a_line_every_five_seconds(clock: Clock) -> None:
    log = io.StringIO()
    progress = Progress(log, "steps", 5_000)
    for second in range(1, 14):
        clock.now = 1_000.0 + second
        progress.update(100 * second, f"loss {second}")
    assert log.getvalue() == (
        "steps: 500 of 5,000 (100/s), loss 5\nsteps: 1,000 of 5,000 (100/s), loss 10\n"
    )
    clock.now += 4.0
    progress.update(5_000)
    assert log.getvalue().endswith("\nsteps: 5,000 of 5,000 (294/s)\n")


def test_a_log_gets_a_line_after_a_long_pause(clock: Clock) -> None:
    log = io.StringIO()
    progress = Progress(log, "steps", 100)
    clock.now += 8.0
    progress.update(80)
    clock.now += 2.0
    progress.update(90)
    assert log.getvalue() == "steps: 80 of 100 (10/s)\n"


def test_a_terminal_gets_a_bar_and_a_line_break_at_the_end(clock: Clock) -> None:
    terminal = Terminal()
    progress = Progress(terminal, "captchas", 10)
    clock.now += 0.25
    progress.update(5, "loss 1.0")
    bar = "\rcaptchas [###############...............] 5 of 10 (20/s) loss 1.0\x1b[K"
    assert terminal.getvalue() == bar
    clock.now += 0.25
    progress.update(10)
    full = "\rcaptchas [##############################] 10 of 10 (20/s) \x1b[K\n"
    assert terminal.getvalue() == bar + full


def test_the_bar_is_rounded_down() -> None:
    terminal = Terminal()
    Progress(terminal, "steps", 1_000).update(999)
    assert "[#############################.] 999 of 1,000" in terminal.getvalue()


def test_the_count_never_exceeds_the_total() -> None:
    terminal = Terminal()
    Progress(terminal, "steps", 32).update(50)
    assert "[##############################] 32 of 32" in terminal.getvalue()
    assert terminal.getvalue().endswith("\n")


def test_a_clock_that_has_not_advanced_is_no_error(clock: Clock) -> None:
    log = io.StringIO()
    Progress(log, "steps", 1).update(1)
    assert log.getvalue() == "steps: 1 of 1 (1,000,000,000/s)\n"


@pytest.mark.parametrize("is_terminal", [True, False])
def test_what_is_shown_is_visible_at_once(is_terminal: bool) -> None:
    stream = Flushed(is_terminal)
    Progress(stream, "steps", 1).update(1)
    assert stream.seen == stream.getvalue() != ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "about 0 s"), (89, "about 89 s"), (300, "about 5 min"), (9_000, "about 2.5 h")],
)
def test_a_duration_has_a_fitting_unit(seconds: float, text: str) -> None:
    assert describe_time(seconds) == text
