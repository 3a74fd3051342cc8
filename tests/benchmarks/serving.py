"""Measures the inference service beside others, in one run on one machine, under one load.

`make bench-serving` runs it, and writes the table into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from generator_service.drawing import list_pngs
from shared.artifacts import MODEL_NAME, list_versions, read_manifest
from shared.spec import CaptchaSpec
from tests.benchmarks import constant_server
from tests.benchmarks.contenders import (
    CONSTANT,
    DIRECT,
    GATEWAY,
    PAIR,
    Contender,
    Cores,
    list_contenders,
)  # fmt: skip
from tests.benchmarks.gateway import IMAGE, find_haproxy
from tests.benchmarks.machine import look_at_machine
from tests.benchmarks.page import PAGE, Outcome, replace_section, write_section
from tests.benchmarks.processes import ROOT, NotStartedError, pinned, python
from tests.benchmarks.table import Measured
from tests.load import Load, Report, Shot, predict_shot

CONNECTIONS = (1, 8, 64)
CAPTCHAS = 300
SEED = 2_000_003  # far from those that the trainer makes of TRAIN_SEED=1
WARM_UP_S = 1.0


@dataclass(frozen=True)
class Effort:
    """How long is measured."""

    rounds: int
    point_s: float
    half_load_s: float

    def __str__(self) -> str:
        """A sentence for the page."""
        return (
            f"Median of {self.rounds} round{'s' * (self.rounds > 1)} of {self.point_s:g} s for each"
            f" line, every server freshly started in every round and alone; {CAPTCHAS} captchas"
            f" (seed {SEED}), each answer checked."
        )


FULL = Effort(rounds=3, point_s=4.0, half_load_s=7.0)
QUICK = Effort(rounds=1, point_s=1.0, half_load_s=2.0)


def measure(contender: Contender, shots: Sequence[Shot], effort: Effort, result: Measured) -> None:
    """One round of one contender, freshly started. Raises NotStartedError."""
    with contender.start() as running, pinned(contender.load_cores):
        Load(running.url, shots).closed(1, WARM_UP_S)
        for connections in CONNECTIONS:
            report = Load(running.url, shots).closed(connections, effort.point_s)
            result.reports.setdefault(connections, []).append(report)
        result.memory_mb.append(running.memory_mb())
        result.ready_s.append(running.ready_s)


def measure_at(rate: float, contender: Contender, shots: Sequence[Shot], seconds: float) -> Report:
    """Requests on schedule, whatever the server does."""
    with contender.start() as running, pinned(contender.load_cores):
        Load(running.url, shots).closed(1, WARM_UP_S)
        return Load(running.url, shots).open(rate, seconds)


def measure_bare(version: Path, core: int, seconds: float) -> dict[str, float]:
    """Images per second of engine and decoder alone."""
    with pinned({core}):
        output = subprocess.check_output(
            python("tests.benchmarks.bare", version, seconds), cwd=ROOT
        )
    rates: dict[str, float] = json.loads(output)
    return rates


def find_version(models: Path) -> Path:
    """The newest version. Ends the program if there is none, or none that can be compared."""
    versions = list_versions(models)
    if models.name != MODEL_NAME or not versions:
        sys.exit(
            f"bench-serving: no model version in {models}: run `make local` once until version 1"
            f' is published, or name another directory: ARGS="--models DIR/{MODEL_NAME}"'
        )
    version = (models / str(versions[-1])).resolve()
    if read_manifest(version).captcha_spec != CaptchaSpec():
        sys.exit("bench-serving: the model must read what the others do, 4 digits in 160x60 pixels")
    return version


def run(contenders: Sequence[Contender], version: Path, cores: Cores, effort: Effort) -> Outcome:
    """All contenders in turn, round after round, so that a busy minute hits all alike."""
    captchas = list_pngs(CaptchaSpec(), (), SEED, 0, CAPTCHAS)
    shots = [predict_shot(png, text) for text, png in captchas]
    constant = [predict_shot(png, constant_server.TEXT) for _, png in captchas]
    outcome = Outcome()
    for turn in range(effort.rounds):
        for contender in contenders:
            name = contender.name
            if name in outcome.skipped:
                continue
            print(f"round {turn + 1} of {effort.rounds}: {name}", file=sys.stderr)
            result = outcome.results.setdefault(name, Measured())
            try:
                measure(contender, constant if name == CONSTANT else shots, effort, result)
            except NotStartedError as error:
                outcome.skipped[name] = str(error)
                del outcome.results[name]
        outcome.bare.append(measure_bare(version, cores.server, effort.point_s / 2))
    limit = outcome.results.get(GATEWAY) or outcome.results.get(DIRECT)
    if limit is not None:
        outcome.half_rate = limit.best_rate / 2
        for turn in range(effort.rounds):
            for contender in contenders:
                name = contender.name
                # The constant answer shows what of a latency is the machine's.
                if name in outcome.results and name in (DIRECT, GATEWAY, CONSTANT):
                    print(f"half load {turn + 1} of {effort.rounds}: {name}", file=sys.stderr)
                    outcome.at_half.setdefault(name, []).append(
                        measure_at(
                            outcome.half_rate,
                            contender,
                            constant if name == CONSTANT else shots,
                            effort.half_load_s,
                        )
                    )
    return outcome


def main() -> None:
    """Reads the options, measures, prints, and writes the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.serving", description=__doc__)
    parser.add_argument(
        "--models", type=Path, default=ROOT / "models" / MODEL_NAME,
        help="directory with the version directories (default: models/captcha)",
    )  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="a second per point, nothing written")
    options = parser.parse_args()
    version = find_version(options.models)
    effort = QUICK if options.quick else FULL
    try:
        cores = Cores.of_this_machine()
    except ValueError as error:
        sys.exit(f"bench-serving: {error}")
    machine = look_at_machine(cores.server, "bench-serving")
    haproxy = find_haproxy()
    if haproxy is not None:
        machine += f", gateway {IMAGE if haproxy == 'docker' else haproxy}"
    contenders = list_contenders(version.parents[1], cores, haproxy)
    outcome = run(contenders, version, cores, effort)
    if haproxy is None:
        outcome.skipped |= dict.fromkeys((GATEWAY, PAIR), "neither Docker nor `haproxy` is here")
    section = write_section(outcome, cores, machine, str(effort))
    print(section)
    if not options.quick:
        PAGE.write_text(replace_section(PAGE.read_text(), "serving", section))


if __name__ == "__main__":
    main()
