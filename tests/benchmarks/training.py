"""Benchmark of rendering and training, compared with the captcha library and the course.

`make bench-training` runs it and writes the tables to docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from tests.benchmarks import page
from tests.benchmarks.processes import ProgramError, find_cores, pinned
from tests.benchmarks.rendering import measure_generator, measure_library, run_generator
from tests.benchmarks.trainer_run import TrainerRun, run_trainer
from trainer.config import MIN_TARGET_EVALUATED, read_preset

LIBRARY = "the library, `ImageCaptcha.generate`, one process"
NPZ = "the generator on two cores, `GET /dataset?format=npz`"
ZIP = "the generator on two cores, `GET /dataset?format=zip`"
COURSE, TARGET, DEFAULT = "course", "tests/benchmarks/course_accuracy.toml", "quick"
"""Presets; TARGET trains our network until it reaches the accuracy of COURSE."""
SMALL = {
    "captchas": 200, "validation_captchas": 100, "test_captchas": 200, "epochs": 1,
    "min_accuracy": 0.0,
}  # fmt: skip
# Keras computes the validation accuracy in float32, which can be slightly below the exact value.
ROUNDING = 1e-6

Rates = Mapping[str, Sequence[float]]
Runs = Mapping[str, TrainerRun | ProgramError]


def measure_rates(url: str, rounds: int, seconds: float, size: int) -> dict[str, list[float]]:
    """Return the captchas per second in each round."""
    sources: dict[str, Callable[[], float]] = {
        LIBRARY: lambda: measure_library(seconds),
        NPZ: lambda: measure_generator(url, "npz", size, seconds),
        ZIP: lambda: measure_generator(url, "zip", size, seconds),
    }
    rates: dict[str, list[float]] = {name: [] for name in sources}
    for number in range(rounds):
        for name, measure in sources.items():
            print(f"round {number + 1} of {rounds}: {name}", file=sys.stderr)
            rates[name].append(measure())
    return rates


def run_trainings(
    url: str, cores: frozenset[int], small_presets: Path | None
) -> dict[str, TrainerRun | ProgramError]:
    """Run the trainings one after the other; with few captchas if there is a directory for it."""
    runs: dict[str, TrainerRun | ProgramError] = {}
    for preset in (COURSE, TARGET, DEFAULT):
        arguments = ["--preset", write_small(preset, small_presets) if small_presets else preset]
        if preset == TARGET:
            course = runs[COURSE]
            if isinstance(course, ProgramError):
                continue
            arguments += ["--target-accuracy", f"{choose_target(course):.6f}"]
        print("training:", *arguments, file=sys.stderr)
        try:
            runs[preset] = run_trainer(arguments, url, cores)
        except ProgramError as error:
            runs[preset] = error
    return runs


def write_small(preset: str, directory: Path) -> str:
    """Write a preset with few captchas and return its path."""
    values = read_preset(preset) | SMALL
    if preset == TARGET:
        values["validation_captchas"] = MIN_TARGET_EVALUATED
    path = directory / f"{Path(preset).stem}.toml"
    path.write_text("\n".join(f"{key} = {json.dumps(value)}" for key, value in values.items()))
    return str(path)


def choose_target(course: TrainerRun) -> float:
    """Return the course's test accuracy, but at least one captcha, since 0 means no target."""
    return max(course.metrics.accuracy, 1 / MIN_TARGET_EVALUATED) - ROUNDING


def format_rates(rates: Rates) -> list[tuple[str, str, str]]:
    """Return a row per source, with the multiple of the library in the same rounds."""
    rows = []
    for name, values in rates.items():
        multiples = [v / library for v, library in zip(values, rates[LIBRARY], strict=True)]
        rows.append(
            (name, page.format_rounds(values, ",.0f"), page.format_rounds(multiples, ".2f"))
        )
    return rows


def format_run(preset: str, run: TrainerRun | ProgramError) -> Iterator[list[str]]:
    """Yield a row with the times and the accuracy, and a row per style if there are several."""
    title = f"`python -m trainer --preset {preset}`"
    if isinstance(run, ProgramError):
        yield [title, page.format_failure(run)]
        return
    metrics = run.metrics
    costs = [f"{run.total_s:,.1f}", f"{metrics.training_s:,.1f}", f"{metrics.images_per_s:,.0f}"]
    styles = metrics.by_subset
    yield [
        title,
        *costs,
        f"{metrics.epochs:g}",
        " and ".join(styles),
        *page.format_accuracy(metrics),
    ]
    for style, accuracy in styles.items() if len(styles) > 1 else ():
        yield ["", "", "", "", "", style, *page.format_accuracy(accuracy)]


def compare(runs: Runs) -> str:
    """Return the seconds until the course's accuracy, or why they are unknown."""
    course, ours = runs.get(COURSE), runs.get(TARGET)
    if not isinstance(course, TrainerRun) or not isinstance(ours, TrainerRun):
        return "Seconds to the course's accuracy: unknown, because a training failed."
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
    return page.format_table(
        (f"seconds to {target:.2%}", "the course", "our network", "ratio"), rows
    )


def main() -> None:
    """Read the options, measure, print, and write the page; fail if a training failed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.training", description=__doc__
    )
    parser.add_argument("--quick", action="store_true", help="few captchas; only prints")
    quick = parser.parse_args().quick
    cores, machine = frozenset(find_cores()), page.describe_machine()
    rounds, seconds, size = (1, 0.5, 200) if quick else (5, 4.0, 4_000)
    with tempfile.TemporaryDirectory() as directory, run_generator(cores) as url, pinned(cores):
        rates = measure_rates(url, rounds, seconds, size)
        runs = run_trainings(url, cores, Path(directory) if quick else None)
    costs = ("total s", "training s", "images/s", "epochs")
    columns = ("training", *costs, "test captchas", "accuracy", "95 % interval", "n")
    paragraphs = [
        f"`make bench-training` on {machine}. Rounds of rendering: {rounds}, of at least"
        f" {seconds:g} s, datasets of {size:,}; each training ran once.",
        page.format_table(
            ("rendering", "captchas/s", "multiple of the library"), format_rates(rates)
        ),
        page.format_table(columns, (row for item in runs.items() for row in format_run(*item))),
        compare(runs),
    ]
    page.publish("training", paragraphs, quick=quick)
    if any(isinstance(run, ProgramError) for run in runs.values()):
        sys.exit("a training failed")


if __name__ == "__main__":
    main()
