from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from tests.trainer.course.runs.fakes import RUN, build_rows
from trainer.course.runs.history import is_finished, read_history, write_history


def test_a_history_is_read_as_it_was_written(tmp_path: Path) -> None:
    rows = build_rows([2.25, 0.5])
    write_history(tmp_path, rows)
    assert read_history(tmp_path) == rows
    assert [file.name for file in tmp_path.iterdir()] == ["history.csv"]


def test_a_loss_that_is_not_a_number_is_kept(tmp_path: Path) -> None:
    write_history(tmp_path, build_rows([math.nan]))
    assert math.isnan(read_history(tmp_path)[0]["loss"])


def test_a_directory_without_a_history_has_no_rows(tmp_path: Path) -> None:
    assert read_history(tmp_path) == []


def test_a_run_is_finished_after_its_last_epoch() -> None:
    assert not is_finished(RUN, [])
    assert not is_finished(RUN, build_rows([2.0]))
    assert is_finished(RUN, build_rows([2.0, 1.0]))


def test_a_run_with_a_time_limit_is_finished_after_that_time() -> None:
    run = replace(RUN, epochs=0, minutes=0.3)  # 18 s, and an epoch of the fake takes 10 s
    assert not is_finished(run, build_rows([2.0]))
    assert is_finished(run, build_rows([2.0, 1.0]))


def test_a_run_whose_loss_is_not_finite_is_finished() -> None:
    assert is_finished(RUN, build_rows([math.nan]))
    assert is_finished(RUN, build_rows([math.inf]))
