from __future__ import annotations

import io
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from tests.trainer.course.runs.fakes import RUN, build_rows, build_workspace
from trainer.course.runs.captchas import RunCaptchas
from trainer.course.runs.history import write_history
from trainer.course.runs.plan import complete_runs, estimate_s, list_unfinished, locate_run
from trainer.course.runs.run import Run
from trainer.course.runs.training import ReportCaptchas

OTHER = replace(RUN, optimizer="sgd")


class FakeTraining:
    """Writes a finished history, and keeps the names of what it trained."""

    def __init__(self) -> None:
        self.trained: list[Run] = []

    def __call__(
        self, run: Run, captchas: RunCaptchas, directory: Path, report: ReportCaptchas
    ) -> None:
        self.trained.append(run)
        report(run.epochs * len(captchas.train))
        write_history(directory, build_rows([2.0, 1.0]))


def test_finished_runs_are_skipped(tmp_path: Path) -> None:
    workspace, training = build_workspace(tmp_path), FakeTraining()
    complete_runs(workspace, "first", [RUN], training, io.StringIO())
    histories = complete_runs(workspace, "second", [OTHER, RUN], training, io.StringIO())
    assert training.trained == [RUN, OTHER]
    assert list(histories) == [OTHER, RUN]
    assert [row["loss"] for row in histories[RUN]] == [2.0, 1.0]


def test_no_captchas_are_fetched_if_every_run_is_finished(tmp_path: Path) -> None:
    workspace, training = build_workspace(tmp_path), FakeTraining()
    complete_runs(workspace, "first", [RUN], training, io.StringIO())
    requests = workspace.client.requests  # type: ignore[attr-defined]
    assert {request.split for request in requests} == {"train", "validation"}
    requests.clear()
    complete_runs(workspace, "second", [RUN], training, io.StringIO())
    assert requests == []


def test_runs_with_another_seed_have_another_directory(tmp_path: Path) -> None:
    training = FakeTraining()
    for seed in (1, 2):
        complete_runs(build_workspace(tmp_path, seed=seed), "seeds", [RUN], training, io.StringIO())
    assert training.trained == [RUN, RUN]


def test_runs_on_other_captchas_have_another_directory(tmp_path: Path) -> None:
    workspace = build_workspace(tmp_path)
    other = replace(workspace, source=replace(workspace.source, renderer_fingerprint="newer"))
    assert locate_run(workspace, RUN) != locate_run(other, RUN)
    assert locate_run(workspace, RUN).name == RUN.name


def test_a_run_with_half_of_its_epochs_is_unfinished_and_takes_less_time(tmp_path: Path) -> None:
    workspace = build_workspace(tmp_path)
    whole_s = estimate_s(workspace, RUN)
    directory = locate_run(workspace, RUN)
    directory.mkdir(parents=True)
    write_history(directory, build_rows([2.0]))
    assert list_unfinished(workspace, [RUN, RUN]) == [RUN]
    assert estimate_s(workspace, RUN) < whole_s


def test_the_log_says_how_many_trainings_there_are(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    stream = io.StringIO()
    complete_runs(build_workspace(tmp_path), "losses", [RUN, OTHER], FakeTraining(), stream)
    assert "losses: 2 trainings, 0 of them finished earlier, about 8 s" in caplog.text
    assert "losses, trainings: 2 of 2" in stream.getvalue()
    assert stream.getvalue().endswith(f"about 0 s left: {OTHER.name}\n")
