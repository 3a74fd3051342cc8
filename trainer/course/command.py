"""The command `python -m trainer course`. It trains to compare, and publishes nothing."""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import get_args

from shared.settings import SettingsError
from trainer.course.steps import STEPS, Step
from trainer.course.workspace import CourseWorkspace, SizeName
from trainer.data.generator_client import GeneratorClient
from trainer.directory_lock import lock_directory
from trainer.errors import TrainerError
from trainer.progress import describe_time
from trainer.settings import TrainerSettings

log = logging.getLogger(__name__)

ALL = "all"
COPY_COMMAND = (
    "docker compose run --rm --no-deps -T --entrypoint tar trainer -C /data -c course | tar -x"
)
"""Copies the directory of the course out of the data volume, into the current directory."""


def parse_course(arguments: Sequence[str]) -> Callable[[TrainerSettings, GeneratorClient], int]:
    """Return the work that the arguments describe.

    Prints and exits on `--help` and `--list`.

    Raises:
        SettingsError: on an unknown step.
    """
    given = _build_parser().parse_args(arguments)
    unknown = [name for name in given.steps if name not in STEPS and name != ALL]
    if unknown or not given.steps:
        problem = f"there is no step {unknown[0]!r}" if unknown else "no step is given"
        raise SettingsError(f"{problem}; the steps are {', '.join(STEPS)}, and {ALL}")
    steps = {name: step for name, step in STEPS.items() if {name, ALL} & set(given.steps)}

    def take_course(settings: TrainerSettings, client: GeneratorClient) -> int:
        # It warns of every new network that a function is traced, which is what comparisons do.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
        source = client.wait_ready(settings.generator_timeout_s)
        problem = "the course is already running with this data volume"
        with lock_directory(settings.data_dir / "course", problem) as directory:
            return run_steps(CourseWorkspace(directory, client, source, given.size), steps)

    return take_course


def run_steps(workspace: CourseWorkspace, steps: Mapping[str, Step]) -> int:
    """Run steps, and return 1 if any of them failed; a failed step does not end the others."""
    _announce(workspace, steps)
    failed = []
    for name, step in steps.items():
        log.info("%s: %s", name, step.description)
        started = time.monotonic()
        try:
            files = step.load()(workspace)
        except (TrainerError, OSError) as error:
            log.error("%s failed: %s", name, error)
            failed.append(name)
        except Exception:
            log.exception("%s failed", name)
            failed.append(name)
        else:
            log.info("%s: done in %.0f s: %s", name, time.monotonic() - started, _join(files))
    log.info("pictures and tables: %s; copied out of the containers by", workspace.directory)
    log.info("%s", COPY_COMMAND)
    if failed:
        log.error("failed: %s; the other steps are complete", ", ".join(failed))
    return 1 if failed else 0


def _announce(workspace: CourseWorkspace, steps: Mapping[str, Step]) -> None:
    """Log how many trainings there are and how long everything takes, before it starts."""
    seconds = sum(step.seconds[workspace.size == "full"] for step in steps.values())
    runs = {run for step in steps.values() for run in step.list_runs(workspace.size)}
    trainings = ""
    if runs:
        plan = importlib.import_module("trainer.course.runs.plan")  # TensorFlow takes 5 s
        unfinished = plan.list_unfinished(workspace, list(runs))
        seconds += sum(plan.estimate_s(workspace, run) for run in unfinished)
        finished = len(runs) - len(unfinished)
        trainings = f"{len(unfinished)} trainings ({finished} more are finished), "
    log.info(
        "course, size %s: %d steps, %s%s on two cores",
        workspace.size, len(steps), trainings, describe_time(seconds),
    )  # fmt: skip


def _join(files: Sequence[Path]) -> str:
    return ", ".join(map(str, files))


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m trainer course",
        description="Run steps of the course, each with a picture at its end.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "steps", nargs="*", metavar="STEP", help=f"names of steps, or {ALL}; see --list"
    )
    parser.add_argument(
        "--size",
        choices=get_args(SizeName),
        default="small",
        help="small (default): minutes; full: the sizes of the course, hours; tiny: for tests",
    )
    parser.add_argument("--list", action=_ListSteps, nargs=0, help="list the steps and exit")
    return parser


class _ListSteps(argparse.Action):
    """Prints the steps and exits, as `--help` does."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        width = max(map(len, STEPS))
        for name, step in STEPS.items():
            sys.stdout.write(f"{name:{width}}  {step.description}\n")
        parser.exit()
