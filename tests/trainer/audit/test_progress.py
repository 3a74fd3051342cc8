from __future__ import annotations

import io

from trainer.audit.progress import AuditProgress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_the_first_and_the_last_line_of_a_fast_audit() -> None:
    stream = io.StringIO()
    progress = AuditProgress(stream, 300)
    progress.update(0, "no labels")
    progress.update(1, "100 labels")
    progress.update(300, "done")

    lines = stream.getvalue().splitlines()

    assert len(lines) == 2
    assert lines[0] == "audit: 0%, about 3 min left: no labels"
    assert lines[1] == "audit: 100%, about 0 s left: done"


def test_a_terminal_shows_one_bar_that_ends_its_line() -> None:
    stream = Terminal()
    progress = AuditProgress(stream, 100)
    progress.update(50, "500 labels")
    progress.update(100, "done")

    shown = stream.getvalue()

    assert shown.count("\n") == 1
    assert "500 labels" in shown
    assert shown.rstrip("\n").rpartition("\r")[2].startswith("audit [####")
