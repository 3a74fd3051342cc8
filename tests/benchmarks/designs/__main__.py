"""Benchmark of captcha designs that no model was trained on.

`make bench-designs` prints the table. With `--labels 300,1000` a training on that many labelled
pictures follows for each design; it starts from the bundled model. With `--unlabelled 1000` the
trainer labels that many pictures, and these labels are measured. `--jobs 2` runs two trainings at a
time, each on half of the cores. Published generators and fonts are installed from PyPI and npm
once, in the directory of `--cache`, which keeps the pictures too.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.benchmarks import page
from tests.benchmarks.designs.accuracy import Measurement, count_correct, measure
from tests.benchmarks.designs.catalogue import DESIGNS
from tests.benchmarks.designs.design import Design
from tests.benchmarks.designs.fine_tuning import fine_tune, label
from tests.benchmarks.designs.generators import GeneratorError
from tests.benchmarks.designs.pictures import LABELS_SEED, TEST_SEED, Pictures, load
from tests.benchmarks.designs.recognisers import MODELS, DdddOcr, VersionRecogniser
from tests.benchmarks.designs.table import Budget, Result, Tuned, format_results, list_misses
from tests.benchmarks.processes import ROOT, ProgramError, find_cores, pinned

CACHE = ROOT / "data" / "designs"


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the options, measure all designs and print the table; fail if none was measured."""
    options = parse_options(arguments)
    budgets = [
        Budget(count, has_labels)
        for counts, has_labels in ((options.unlabelled, False), (options.labels, True))
        for count in map(int, counts.split(","))
        if count
    ]
    designs = [
        d for d in DESIGNS if options.designs is None or d.name in options.designs.split(",")
    ]
    machine = page.describe_machine()
    core, _ = find_cores()
    with pinned({core}):  # the threads of the libraries too
        base = VersionRecogniser(options.version)
        ocrs = [DdddOcr(model) for model in MODELS] if options.ddddocr else []
    results = [
        measure_design(design, options.pictures, options.cache, core, base, ocrs)
        for design in designs
    ]
    shares = share_cores(sorted(os.sched_getaffinity(0)), options.jobs)
    with ThreadPoolExecutor(len(shares)) as executor:
        jobs = [
            executor.submit(train_all, results[i :: len(shares)], budgets, options, cores)
            for i, cores in enumerate(shares)
        ]
        for job in jobs:
            job.result()
    text = describe(machine, options.pictures, len(shares), results, budgets)
    page.publish("designs", text, quick=not options.write)
    if not any(result.base for result in results):
        sys.exit("no design was measured")


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("version", type=Path, help="for example models/captcha/1")
    parser.add_argument("--pictures", type=int, default=1_000, help="test pictures of each design")
    parser.add_argument("--labels", default="0", help="numbers of labelled pictures: 300,1000")
    parser.add_argument("--unlabelled", default="0", help="numbers of pictures to label: 1000")
    parser.add_argument("--designs", help="names, separated by commas; all by default")
    parser.add_argument("--cache", type=Path, default=CACHE, help="for generators and pictures")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at the same time")
    parser.add_argument("--trainer", default="", help="further options of the trainer, quoted")
    parser.add_argument("--no-ddddocr", dest="ddddocr", action="store_false")
    parser.add_argument("--write", action="store_true", help="write the section of the page")
    return parser.parse_args(arguments)


def measure_design(
    design: Design,
    count: int,
    cache: Path,
    core: int,
    base: VersionRecogniser,
    ocrs: Sequence[DdddOcr],
) -> Result:
    """Return the accuracy and speed on one core, or why they cannot be measured."""
    print(f"{design.name}: {count} pictures", file=sys.stderr)
    result = Result(design)
    try:
        pictures = load(design, count, TEST_SEED, cache)
        with pinned({core}):
            result.base = measure(base.predict, pictures, design.restriction)
            measurements = [measure(ocr.predict, pictures, design.restriction) for ocr in ocrs]
        result.ocr = max(measurements, key=lambda m: m.accuracy.accuracy, default=None)
    except (GeneratorError, ValueError) as error:
        result.failure = str(error)
    return result


def share_cores(cores: Sequence[int], jobs: int) -> list[set[int]]:
    """Return disjoint sets of cores, one for each of at most `jobs` jobs."""
    jobs = max(1, min(jobs, len(cores)))
    return [set(cores[i::jobs]) for i in range(jobs)]


def train_all(
    results: Sequence[Result],
    budgets: Sequence[Budget],
    options: argparse.Namespace,
    cores: Iterable[int],
) -> None:
    """Train with each budget for each design, one after the other."""
    for budget in budgets:
        for result in results:
            if result.base:
                # Each time: OpenVINO moves the thread that loads a version to another core.
                with pinned(cores):
                    add_training(result, budget, options)


def add_training(result: Result, budget: Budget, options: argparse.Namespace) -> None:
    """Train on pictures of a design, and measure what the training resulted in."""
    design = result.design
    print(f"{design.name}: {budget}", file=sys.stderr)
    try:
        images = load(design, budget.pictures, LABELS_SEED, options.cache)
        with tempfile.TemporaryDirectory(prefix="designs-") as workspace:
            train = measure_fine_tuning if budget.has_labels else measure_pseudo_labels
            result.tuned[budget] = train(design, images, Path(workspace), options)
    except (GeneratorError, ProgramError, ValueError) as error:
        result.failure = str(error)


def measure_fine_tuning(
    design: Design, images: Pictures, workspace: Path, options: argparse.Namespace
) -> Tuned:
    """Train on labelled pictures and measure the published version on the test pictures."""
    pictures = load(design, options.pictures, TEST_SEED, options.cache)
    run = fine_tune(images.folder, workspace, options.trainer.split())
    tuned = VersionRecogniser(run.version or options.version)
    measurement = measure(tuned.predict, pictures, design.restriction)
    return Tuned(measurement, run.seconds, run.version is not None)


def measure_pseudo_labels(
    design: Design, images: Pictures, workspace: Path, options: argparse.Namespace
) -> Tuned:
    """Let the trainer label pictures, and measure its labels."""
    begin = time.perf_counter()
    texts = label(images.folder, design.restriction, workspace)
    seconds = time.perf_counter() - begin
    measurement = Measurement(count_correct(texts, images.texts), len(texts) / seconds)
    return Tuned(measurement, seconds)


def describe(
    machine: str, pictures: int, jobs: int, results: Sequence[Result], budgets: Sequence[Budget]
) -> list[str]:
    """Return the paragraphs of the section."""
    trainings = f" Trainings: {jobs} at the same time." if budgets else ""
    paragraphs = [
        f"`make bench-designs` on {machine}. {pictures:,} pictures of each design, which"
        f" both recognisers predict on one core.{trainings}",
        format_results(results, budgets),
    ]
    for problem, designs in list_misses(results).items():
        if designs:
            paragraphs.append(f"{problem.capitalize()}: {', '.join(designs)}.")
    return paragraphs


if __name__ == "__main__":
    main()
