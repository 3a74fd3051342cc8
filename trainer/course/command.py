"""The command `python -m trainer course`."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Sequence

from shared.settings import SettingsError
from trainer.course.runs.plan import describe_time, estimate_s, list_unfinished
from trainer.course.steps import STEPS, load, run_steps
from trainer.course.workspace import CourseWorkspace, SizeName
from trainer.data.generator_client import GeneratorClient
from trainer.settings import TrainerSettings

log = logging.getLogger(__name__)

ALL = "all"
COURSE_DIR = "course"
COPY_COMMAND = (
    "docker compose run --rm --no-deps -T --entrypoint tar trainer -C /data -c course | tar x"
)
"""Copies all files of the course from the data volume to the current directory."""
# Seconds of all steps without planned trainings, on two cores.
_OTHER_STEPS_S: dict[SizeName, float] = {"tiny": 60, "small": 260, "full": 7_200}


def parse_course(arguments: Sequence[str]) -> Callable[[TrainerSettings, GeneratorClient], int]:
    """Return the work that the arguments describe: the steps, and their size.

    Prints the help and exits on `--help`, on `--list` and on unknown options.

    Raises:
        SettingsError: on an unknown step.
    """
    options = _build_parser().parse_args(arguments)
    if options.list:
        sys.stdout.write(_list_steps() + "\n")
        sys.exit(0)
    names = _choose_steps(options.steps)
    size: SizeName = options.size

    def course(settings: TrainerSettings, client: GeneratorClient) -> int:
        source = client.wait_ready(settings.generator_timeout_s)
        workspace = CourseWorkspace(settings.data_dir / COURSE_DIR, client, source, size)
        return run_course(workspace, names)

    return course


def run_course(workspace: CourseWorkspace, names: Sequence[str]) -> int:
    """Run steps, and say which of them failed and how to copy the files.

    Nothing is published: the steps write below the workspace's directory only.

    Returns:
        The exit status: 1 if a step failed.
    """
    log.info("%s", describe_plan(workspace, names))
    failed = run_steps(workspace, names)
    log.info("the files are in %s; to copy them: %s", workspace.directory, COPY_COMMAND)
    if failed:
        log.error(
            "%d of %d steps failed: %s; repeat them with: python -m trainer course %s --size %s",
            len(failed), len(names), ", ".join(failed), " ".join(failed), workspace.size,
        )  # fmt: skip
    return 1 if failed else 0


def describe_plan(workspace: CourseWorkspace, names: Sequence[str]) -> str:
    """Return how many trainings are left and about how long all steps take."""
    runs = [
        run
        for name in names
        if (listed := STEPS[name].list_runs)
        for run in load(listed)(workspace.size)
    ]
    unfinished = list_unfinished(workspace, runs)
    seconds = sum(estimate_s(workspace, run) for run in unfinished)
    if set(names) == set(STEPS):
        seconds += _OTHER_STEPS_S[workspace.size]
    count = len(dict.fromkeys(runs))
    return (
        f"{len(names)} steps of size {workspace.size} with {count} trainings,"
        f" {count - len(unfinished)} of them finished earlier: {describe_time(seconds)}"
        " on two cores"
    )


def _choose_steps(given: Sequence[str]) -> list[str]:
    """Return the steps to run, each once and in the order of the course.

    Raises:
        SettingsError: on an unknown step, or if there is none.
    """
    unknown = [name for name in given if name not in {*STEPS, ALL}]
    if unknown or not given:
        problem = f"unknown step {', '.join(unknown)}" if unknown else "no step given"
        raise SettingsError(f"{problem}; the steps are {ALL}, {', '.join(STEPS)}")
    return [name for name in STEPS if name in given or ALL in given]


def _list_steps() -> str:
    width = max(map(len, STEPS))
    return "\n".join(f"{name:{width}}  {step.description}" for name, step in STEPS.items())


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m trainer course",
        description="Run steps of the course. Each writes figures and tables. None publishes.",
        allow_abbrev=False,
    )
    parser.add_argument("steps", nargs="*", metavar="STEP", help=f"{ALL}, {', '.join(STEPS)}")
    parser.add_argument(
        "--size", choices=("tiny", "small", "full"), default="small",
        help="tiny: seconds, to try a step; small (default): minutes; full: the numbers of the"
        " course, hours",
    )  # fmt: skip
    parser.add_argument("--list", action="store_true", help="list the steps and exit")
    return parser
