"""Benchmark of `POST /predict/batch` against single requests and ddddocr in a loop, on one core.

`make bench-batch` runs it and writes the tables to docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from tests.benchmarks import page, servers
from tests.benchmarks.processes import find_cores, pinned
from tests.benchmarks.reference_servers import create_ddddocr
from tests.benchmarks.serving import SEED, WARM_UP_S, WRONG, render_captchas
from tests.load import (
    WRONG_TEXTS,
    Load,
    Report,
    Shot,
    batch_shot,
    check_batch,
    check_prediction,
    predict_shot,
)

CAPTCHAS = 320
IMAGES = (1, 16, 64)
CONNECTIONS = (1, 8)
DDDDOCR_LOOP = "ddddocr's `classification` in a loop, without a server"


@dataclass(frozen=True)
class Row:
    """Images per second of one round."""

    images_per_s: float
    wrong: float
    """Fraction of the predicted texts."""
    failed: int
    """Requests without a prediction."""


Results = dict[tuple[str, int], list[Row]]
"""Rounds by name and number of connections; 0 connections are a loop."""


def name_of(images: int) -> str:
    """Return the name of a row."""
    return "single requests" if images == 1 else f"batches of {images}"


def build_shots(captchas: Sequence[tuple[str, bytes]], images: int) -> list[Shot]:
    """Return requests with this number of images each, for all captchas."""
    if images == 1:
        return [predict_shot(png, text) for text, png in captchas]
    starts = range(0, len(captchas), images)
    return [batch_shot(captchas[start : start + images]) for start in starts]


def to_row(report: Report, images: int) -> Row:
    """Return the measurement of a load whose requests have this number of images."""
    wrong = failed = 0
    for problem, count in report.problems.items():
        if problem == WRONG:
            wrong += count
        elif problem.endswith(WRONG_TEXTS):
            wrong += count * int(problem.split()[0])
        else:
            failed += count
    predicted = (report.answers - failed) * images
    return Row(predicted / report.seconds, wrong / max(predicted, 1), failed)


def measure_replica(
    captchas: Sequence[tuple[str, bytes]], core: int, load_core: int, seconds: float
) -> Iterator[tuple[tuple[str, int], Row]]:
    """Yield a row per number of images and connections, of one newly started replica."""
    with servers.run_replica(core) as server, pinned({load_core}):
        for images in IMAGES:
            shots = build_shots(captchas, images)
            check = check_prediction if images == 1 else check_batch
            Load(server.url, shots, check).closed(1, WARM_UP_S)
            for connections in CONNECTIONS:
                report = Load(server.url, shots, check).closed(connections, seconds)
                yield (name_of(images), connections), to_row(report, images)


def measure_ddddocr(captchas: Sequence[tuple[str, bytes]], core: int, seconds: float) -> Row:
    """Classify captchas one after the other in this process, restricted to the core."""
    with pinned({core}):
        recogniser = create_ddddocr()
        recogniser.classification(captchas[0][1])
        count = wrong = 0
        begin = time.perf_counter()
        while (elapsed := time.perf_counter() - begin) < seconds:
            text, png = captchas[count % len(captchas)]
            wrong += recogniser.classification(png) != text
            count += 1
    return Row(count / elapsed, wrong / count, 0)


def run(core: int, load_core: int, rounds: int, seconds: float) -> Results:
    """Measure everything in each round, so that a busy minute affects all of them."""
    captchas = render_captchas(CAPTCHAS)
    results: Results = {}
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        for key, row in measure_replica(captchas, core, load_core, seconds):
            results.setdefault(key, []).append(row)
        row = measure_ddddocr(captchas, core, seconds)
        results.setdefault((DDDDOCR_LOOP, 0), []).append(row)
    return results


def format_rows(results: Results) -> Iterator[list[str]]:
    """Yield a row per name and number of connections."""
    for (name, connections), rows in results.items():
        rate = page.format_rounds([row.images_per_s for row in rows], ",.0f")
        wrong = f"{median(row.wrong for row in rows):.1%}"
        failed = f"{sum(row.failed for row in rows):,}"
        yield [name, str(connections or "-"), rate, wrong, failed]


def compare(results: Results) -> list[tuple[str, str]]:
    """Return how many times as many images per second the batches predict, at their best."""
    best = {
        name: max(
            median(row.images_per_s for row in rows)
            for (other, _), rows in results.items()
            if other == name
        )
        for name, _ in results
    }
    batches = best[name_of(IMAGES[-1])]
    return [
        (f"images/s, {name_of(IMAGES[-1])} / {name}", f"{batches / best[name]:.3g}")
        for name in (name_of(1), DDDDOCR_LOOP)
    ]


def main() -> None:
    """Read the options, measure, print, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short round; only prints")
    quick = parser.parse_args().quick
    rounds, seconds = (1, 1.0) if quick else (3, 4.0)
    core, load_core = find_cores()
    machine = page.describe_machine()
    results = run(core, load_core, rounds, seconds)
    paragraphs = [
        f"`make bench-batch` on {machine}. Rounds: {rounds}, of {seconds:g} s per row, each with a"
        f" newly started replica on one core. {CAPTCHAS} captchas (seed {SEED}); every response"
        " was checked.",
        page.format_table(
            ("one core", "connections", "images/s", "wrong", "failed"), format_rows(results)
        ),
        page.format_table(("comparison, on one core", ""), compare(results)),
    ]
    page.publish("batch", paragraphs, quick=quick)


if __name__ == "__main__":
    main()
