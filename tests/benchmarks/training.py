"""Benchmark of rendering and training, compared with the captcha library and the course.

`make bench-training` runs it and writes the tables to docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.versions.artifacts import MODEL_NAME, verify
from shared.versions.manifest import Metrics
from tests.benchmarks import page
from tests.benchmarks.processes import find_cores, module, pinned, started
from tests.benchmarks.rendering import format_rates, measure_rates, run_generator
from trainer.config import MIN_TARGET_EVALUATED, read_preset

COURSE, TARGET, DEFAULT = "course", "tests/benchmarks/course_accuracy.toml", "quick"
"""Presets; TARGET trains our network until it reaches the accuracy of COURSE."""
SMALL = {"captchas": 200, "validation_captchas": 100, "test_captchas": 200, "epochs": 1}
TIMEOUT_S = 3600.0
# Keras computes the validation accuracy in float32, which can be slightly below the exact value.
ROUNDING = 1e-6


@dataclass(frozen=True)
class TrainerRun:
    """Times and metrics of a run."""

    total_s: float
    """From the start to the end of the program."""
    best_epoch_s: float
    """Training and validation until the end of the epoch whose weights were published."""
    best_validation_accuracy: float
    metrics: Metrics


def run_trainer(arguments: Sequence[str], generator_url: str, cores: Iterable[int]) -> TrainerRun:
    """Train on the CPU and return what was published."""
    with tempfile.TemporaryDirectory(prefix="training-") as directory:
        environment = {
            "GENERATOR_URL": generator_url,
            "MODELS_DIR": f"{directory}/models",
            "DATA_DIR": f"{directory}/data",
            "CUDA_VISIBLE_DEVICES": "-1",
        }
        begin = time.perf_counter()
        with started(module("trainer", *arguments), cores, environment) as program:
            program.wait_end(TIMEOUT_S)
            total_s = time.perf_counter() - begin
        version = Path(directory, "models", MODEL_NAME, "1")
        return TrainerRun(total_s, *find_best_epoch(version), verify(version).metrics)


def find_best_epoch(version: Path) -> tuple[float, float]:
    """Return the seconds until the end of the most accurate epoch, and its validation accuracy."""
    with (version / "history.csv").open(newline="") as file:
        rows = [(float(r["val_exact_match"]), float(r["elapsed_s"])) for r in csv.DictReader(file)]
    accuracy, elapsed_s = max(rows)  # of equally accurate ones the last
    return elapsed_s, accuracy


def run_trainings(
    url: str, cores: frozenset[int], directory: Path, *, small: bool
) -> dict[str, TrainerRun]:
    """Run the trainings one after the other, with presets that are written to a directory."""
    runs: dict[str, TrainerRun] = {}
    for preset in (COURSE, TARGET, DEFAULT):
        arguments = ["--preset", write_preset(preset, directory, small=small)]
        if preset == TARGET:
            arguments += ["--target-accuracy", f"{choose_target(runs[COURSE]):.6f}"]
        print("training:", *arguments, file=sys.stderr)
        runs[preset] = run_trainer(arguments, url, cores)
    return runs


def write_preset(preset: str, directory: Path, *, small: bool) -> str:
    """Write a preset, with few captchas if `small`, and return its path."""
    # A model that is worse than the bundled one is measured too, and only versions have metrics.
    values = read_preset(preset) | {"publish_worse": True} | (SMALL if small else {})
    if preset == TARGET:
        values["validation_captchas"] = MIN_TARGET_EVALUATED
    path = directory / f"{Path(preset).stem}.toml"
    path.write_text("\n".join(f"{key} = {json.dumps(value)}" for key, value in values.items()))
    return str(path)


def choose_target(course: TrainerRun) -> float:
    """Return the course's test accuracy, but at least one captcha, since 0 means no target."""
    return max(course.metrics.accuracy, 1 / MIN_TARGET_EVALUATED) - ROUNDING


def format_run(preset: str, run: TrainerRun) -> Iterator[list[str]]:
    """Yield a row with the costs and the accuracy, and a row per style if there are several."""
    metrics, styles = run.metrics, run.metrics.by_subset
    costs = [f"{run.total_s:,.1f}", f"{metrics.training_s:,.1f}", f"{metrics.images_per_s:,.0f}"]
    first = [f"`--preset {preset}`", *costs, f"{metrics.epochs:g}", " and ".join(styles)]
    yield [*first, *page.format_accuracy(metrics)]
    for style, accuracy in styles.items() if len(styles) > 1 else ():
        yield ["", "", "", "", "", style, *page.format_accuracy(accuracy)]


def compare(runs: Mapping[str, TrainerRun]) -> str:
    """Return the seconds until the course's accuracy, or why they are unknown."""
    course, ours = runs[COURSE], runs[TARGET]
    target, reached = choose_target(course), ours.best_validation_accuracy
    if reached < target:
        return (
            f"Seconds to the course's accuracy of {target:.2%}: unknown, because our network only"
            f" reached {reached:.2%} ({ours.metrics.stop_reason})."
        )
    ours_s = ours.metrics.training_s
    times = {
        "training and validation": (course.metrics.training_s, ours_s),
        "the same, the course's until its best epoch": (course.best_epoch_s, ours_s),
        "whole program": (course.total_s, ours.total_s),
    }
    rows = [(what, f"{a:,.1f}", f"{b:,.1f}", f"{a / b:,.1f}") for what, (a, b) in times.items()]
    columns = (f"seconds to {target:.2%}", "the course", "our network", "ratio")
    return page.format_table(columns, rows)


def main() -> None:
    """Read the options, measure, print, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few captchas; only prints")
    quick = parser.parse_args().quick
    cores, machine = frozenset(find_cores()), page.describe_machine()
    rounds, seconds, size = (1, 0.5, 200) if quick else (5, 4.0, 4_000)
    with tempfile.TemporaryDirectory() as directory, run_generator(cores) as url, pinned(cores):
        rates = measure_rates(url, rounds, seconds, size)
        runs = run_trainings(url, cores, Path(directory), small=quick)
    costs = ("total s", "training s", "images/s", "epochs")
    columns = ("`python -m trainer`", *costs, "test captchas", "accuracy", "95 % interval", "n")
    paragraphs = [
        f"`make bench-training` on {machine}. Rounds of rendering: {rounds}, of at least"
        f" {seconds:g} s, datasets of {size:,}; each training ran once.",
        page.format_table(("rendering", "captchas/s", "/ library"), format_rates(rates)),
        page.format_table(columns, (row for item in runs.items() for row in format_run(*item))),
        compare(runs),
    ]
    page.publish("training", paragraphs, quick=quick)


if __name__ == "__main__":
    main()
