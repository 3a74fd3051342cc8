"""The runs of a comparison: which are finished, how long the others take, and training those."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from trainer.config import NetworkName
from trainer.course.runs.captchas import RunCaptchas, digest_captchas, fetch_captchas
from trainer.course.runs.history import Row, is_finished, read_history
from trainer.course.runs.run import Run
from trainer.course.runs.sizes import TRAINING_SIZES
from trainer.course.runs.training import ReportCaptchas, train_run
from trainer.course.workspace import CourseWorkspace
from trainer.progress import Progress, describe_time

log = logging.getLogger(__name__)

# Seconds per captcha on two cores, validation included, until a run is measured. Other networks are
# only trained with a time limit.
_SECONDS_PER_CAPTCHA: dict[NetworkName, float] = {"compact": 0.00025, "course": 0.0055}
_START_S = 4.0  # building and compiling

Train = Callable[[Run, RunCaptchas, Path, ReportCaptchas], None]


def locate_run(workspace: CourseWorkspace, run: Run) -> Path:
    """Return the directory of a run, which comparisons with equal runs share."""
    name = f"{workspace.size}-seed-{workspace.seed}-{digest_captchas(workspace)}"
    return workspace.directory / "runs" / name / run.name


def list_unfinished(workspace: CourseWorkspace, runs: Sequence[Run]) -> list[Run]:
    """Return the runs that have something left to do, each once."""
    return [
        run
        for run in dict.fromkeys(runs)
        if not is_finished(run, read_history(locate_run(workspace, run)))
    ]


def estimate_s(workspace: CourseWorkspace, run: Run) -> float:
    """Return about how many seconds the rest of a run takes on two cores."""
    if run.minutes:
        return _START_S + 60 * run.minutes
    done = len(read_history(locate_run(workspace, run)))
    captchas = max(run.epochs - done, 0) * TRAINING_SIZES[workspace.size].captchas
    return _START_S + captchas * _SECONDS_PER_CAPTCHA[run.network]


def complete_runs(
    workspace: CourseWorkspace,
    comparison: str,
    runs: Sequence[Run],
    train: Train = train_run,
    stream: TextIO = sys.stderr,
) -> dict[Run, list[Row]]:
    """Train what is unfinished, and return the histories of all runs.

    A training whose loss becomes NaN ends early; its history is a result like the others.

    Args:
        workspace: where the runs are kept.
        comparison: shown in the progress.
        runs: may share directories with other comparisons.
        train: trains one run.
        stream: where the progress is shown.

    Raises:
        GeneratorError: if the captchas cannot be fetched.
    """
    unfinished = list_unfinished(workspace, runs)
    if unfinished:
        estimates = {run: estimate_s(workspace, run) for run in unfinished}
        log.info(
            "%s: %d trainings, %d of them finished earlier, %s",
            comparison,
            len(runs),
            len(runs) - len(unfinished),
            describe_time(sum(estimates.values())),
        )
        captchas = fetch_captchas(workspace)
        progress = _PlanProgress(stream, comparison, estimates)
        for run in unfinished:
            directory = locate_run(workspace, run)
            directory.mkdir(parents=True, exist_ok=True)
            progress.start(run, run.epochs * len(captchas.train))
            train(run, captchas, directory, progress.update)
            progress.finish()
    return {run: read_history(locate_run(workspace, run)) for run in runs}


class _PlanProgress:
    """The progress of all runs, with the time that is left by the speed so far."""

    def __init__(self, stream: TextIO, comparison: str, estimates: dict[Run, float]) -> None:
        self._estimates = estimates
        self._progress = Progress(stream, f"{comparison}, trainings", len(estimates))
        self._finished = 0
        self._finished_s = 0.0  # as estimated
        self._started = time.monotonic()

    def start(self, run: Run, captchas: int) -> None:
        self._run, self._captchas = run, captchas
        self._run_started = time.monotonic()

    def update(self, captchas: int) -> None:
        fraction = self._measure_fraction(captchas)
        done_s = self._finished_s + fraction * self._estimates[self._run]
        self._show(self._finished, done_s, self._run.name)

    def finish(self) -> None:
        self._finished += 1
        self._finished_s += self._estimates[self._run]
        self._show(self._finished, self._finished_s, self._run.name)

    def _measure_fraction(self, captchas: int) -> float:
        if self._captchas:
            return min(captchas / self._captchas, 1.0)
        return min((time.monotonic() - self._run_started) / (60 * self._run.minutes), 1.0)

    def _show(self, finished: int, done_s: float, name: str) -> None:
        total_s = sum(self._estimates.values())
        elapsed_s = time.monotonic() - self._started
        # The first seconds say nothing about the speed.
        speed = done_s / elapsed_s if done_s > total_s / 10 else 1.0
        left_s = (total_s - done_s) / speed
        self._progress.update(finished, f"{describe_time(left_s)} left: {name}")
