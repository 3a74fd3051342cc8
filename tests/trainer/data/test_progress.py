from __future__ import annotations

import io

from trainer.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_plain_lines_and_always_the_last() -> None:
    log = io.StringIO()
    progress = Progress(log, "captchas", 1_000)
    for done in range(100, 1_001, 100):
        progress.update(done)
    assert log.getvalue().startswith("captchas: 1,000 of 1,000 (")
    assert log.getvalue().count("\n") == 1
    assert "\r" not in log.getvalue()


def test_it_never_shows_more_than_all() -> None:
    terminal = Terminal()
    Progress(terminal, "steps", 32).update(50)
    assert "[##############################] 32 of 32" in terminal.getvalue()


def test_a_terminal_gets_a_bar_that_ends_its_line() -> None:
    terminal = Terminal()
    progress = Progress(terminal, "captchas", 10)
    progress.update(5, "loss 1.0")
    assert "[###############...............] 5 of 10" in terminal.getvalue()
    assert "loss 1.0" in terminal.getvalue()
    assert "\n" not in terminal.getvalue()
    progress.update(10)
    assert terminal.getvalue().endswith("\n")
