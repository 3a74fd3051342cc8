"""Measures drawing and training beside the bare library and the course's recipe, on one machine.

`make bench-training` runs it, and writes the tables into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass

from tests.benchmarks.captchas import Requests, generator, measure_library
from tests.benchmarks.contenders import Cores
from tests.benchmarks.machine import look_at_machine
from tests.benchmarks.page import PAGE, replace_section
from tests.benchmarks.processes import NotStartedError
from tests.benchmarks.runs import RunError, train
from tests.benchmarks.training_page import (
    COURSE,
    DEFAULT,
    LIBRARY,
    NPZ,
    TARGET,
    ZIP,
    Outcome,
    write_section,
)
from trainer.client import CAPTCHAS_PER_REQUEST
from trainer.config import MIN_TARGET_EVALUATED

# As many captchas as the course has, the same ones, drawn alike. No plan for the learning rate:
# it would have to know when the target will be reached. The gate is no part of what is timed.
TO_TARGET = (
    "--drawings", "current", "--captchas", "5000", "--validation-captchas", "5000",
    "--test-captchas", "5000", "--epochs", "30", "--schedule", "constant",
    "--learning-rate", "0.003", "--variation", "0", "--min-accuracy", "0",
)  # fmt: skip
# A target of 0 is none: where the course's network reads nothing, ours is to read one captcha.
LEAST_TARGET = 1 / MIN_TARGET_EVALUATED
# The validation is counted in float32, where 0.3374 is a little less than that.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    rounds: int
    round_s: float
    captchas_per_request: int
    course: tuple[str, ...]
    default: tuple[str, ...]
    target: tuple[str, ...]

    def __str__(self) -> str:
        """A sentence for the page."""
        return (
            f"Captchas: {self.rounds} round{'s' * (self.rounds > 1)} in turn, of at least"
            f" {self.round_s:g} s each, datasets of {self.captchas_per_request:,}. Each training"
            " once, one after the other."
        )


FULL = Effort(
    rounds=5, round_s=4.0, captchas_per_request=CAPTCHAS_PER_REQUEST,
    course=("--preset", "course"), default=(), target=TO_TARGET,
)  # fmt: skip
_FEW = ("--validation-captchas", "100", "--test-captchas", "200", "--epochs", "1")
QUICK = Effort(
    rounds=2, round_s=1.0, captchas_per_request=200,
    course=("--preset", "course", "--captchas", "200", *_FEW),
    default=("--captchas", "600", "--min-accuracy", "0", *_FEW),
    # The trainer takes no target with fewer validation captchas. Later options win.
    target=(*TO_TARGET, "--captchas", "600", "--test-captchas", "200", "--epochs", "1"),
)  # fmt: skip


def measure_captchas(url: str, cores: frozenset[int], effort: Effort, outcome: Outcome) -> None:
    """All in turn, round after round, so that a busy minute hits all alike."""
    requests = Requests(url, cores, effort.captchas_per_request)
    contenders: dict[str, Callable[[], float]] = {
        LIBRARY: lambda: measure_library(effort.round_s, cores),
        NPZ: lambda: requests.measure("npz", effort.round_s),
        ZIP: lambda: requests.measure("zip", effort.round_s),
    }
    for turn in range(effort.rounds):
        for name, measure in contenders.items():
            print(f"round {turn + 1} of {effort.rounds}: {name}", file=sys.stderr)
            outcome.rates.setdefault(name, []).append(measure())


def measure_trainings(url: str, cores: frozenset[int], effort: Effort, outcome: Outcome) -> None:
    """One after the other; the last one has to read what the course's has read."""

    def attempt(name: str, arguments: tuple[str, ...]) -> None:
        command = shlex.join(["python", "-m", "trainer", *arguments])
        print(f"{name}: {command}", file=sys.stderr)
        outcome.commands[name] = command
        try:
            outcome.runs[name] = train(arguments, url, cores)
        except RunError as error:
            outcome.failed[name] = str(error)

    attempt(COURSE, effort.course)
    attempt(DEFAULT, effort.default)
    if COURSE in outcome.runs:
        outcome.target = choose_target(outcome.runs[COURSE].accuracy)
        attempt(TARGET, (*effort.target, "--target-accuracy", str(outcome.target)))


def choose_target(accuracy: float) -> float:
    """What a validation reaches that reads as large a share right."""
    return round(max(accuracy, LEAST_TARGET) - ROUNDING, 6)


def main() -> None:
    """Reads the options, measures, prints, and writes the page; fails if a training did."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.training", description=__doc__
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes, nothing written")
    options = parser.parse_args()
    effort = QUICK if options.quick else FULL
    try:
        pair = Cores.of_this_machine()
    except ValueError as error:
        sys.exit(f"bench-training: {error}")
    cores = frozenset({pair.server, pair.load})
    machine = look_at_machine(pair.server, "bench-training")
    outcome = Outcome()
    try:
        with generator(cores) as url:
            measure_captchas(url, cores, effort, outcome)
            measure_trainings(url, cores, effort, outcome)
    except NotStartedError as error:
        sys.exit(f"bench-training: the generator: {error}")
    section = write_section(outcome, machine, str(effort))
    print(section)
    if not options.quick:
        PAGE.write_text(replace_section(PAGE.read_text(), "training", section))
    if outcome.failed:
        sys.exit(f"bench-training: failed: {', '.join(outcome.failed)}")


if __name__ == "__main__":
    main()
