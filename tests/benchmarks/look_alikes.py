"""What a recogniser confuses, and what it would read if look-alikes counted as the same.

`python -m tests.benchmarks.look_alikes models/captcha/1` prints it, for fresh captchas of the kind
that the version reads.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from generator_service.drawing import draw_text, stack_grey
from inference_service.engines import LOADERS
from inference_service.models import load_version
from shared.labels import encode
from shared.spec import CaptchaSpec
from trainer.dataset import Split
from trainer.evaluation import Evaluation, evaluate, wilson_interval

SEED = 4_000_003  # far from those that the trainer makes of TRAIN_SEED=1
CAPTCHAS = 25_600
CHUNK = 400
# Two characters of which so large a share is read as the other one count as look-alikes.
CONFUSED = 0.02
MOST_PAIRS = 20


@dataclass(frozen=True)
class Pair:
    """Two characters that were confused."""

    characters: str
    """Both, in the order of the charset."""
    n: int
    """How many of the two were there to be read."""
    confused: int
    """How many were read as the other one."""

    @property
    def share(self) -> float:
        """Of the two characters, how much is read as the other; 0.5 is what guessing does."""
        return self.confused / self.n


def find_pairs(confusions: npt.NDArray[np.int64], charset: str) -> list[Pair]:
    """All pairs that were confused, the most frequent first.

    confusions: (classes, classes), how often row was read as column.
    """
    count = len(charset)
    totals = confusions.sum(axis=1)
    pairs = [
        Pair(
            charset[a] + charset[b],
            int(totals[a] + totals[b]),
            int(confusions[a, b] + confusions[b, a]),
        )
        for a in range(count)
        for b in range(a + 1, count)
        if confusions[a, b] + confusions[b, a]
    ]
    return sorted(pairs, key=lambda pair: -pair.confused)


def group(pairs: Sequence[Pair], charset: str) -> dict[str, str]:
    """Each character -> the first of those it looks like, over others too: 0, O and o are one."""
    first = {character: character for character in charset}
    for pair in pairs:
        if pair.share >= CONFUSED:
            one, other = sorted((first[c] for c in pair.characters), key=charset.index)
            first = {c: one if f == other else f for c, f in first.items()}
    return first


def list_groups(first: Mapping[str, str]) -> list[str]:
    """The characters that look alike, together; those that look like no other are left out."""
    groups: dict[str, str] = {}
    for character, name in first.items():
        groups[name] = groups.get(name, "") + character
    return [members for members in groups.values() if len(members) > 1]


def count_right(evaluation: Evaluation, split: Split, same: npt.NDArray[np.intp]) -> int:
    """Captchas that are right if class c counts as class `same[c]`."""
    right = same[evaluation.predictions] == same[split.labels]
    return int(right.all(axis=1).sum())


def write_tables(evaluation: Evaluation, split: Split, spec: CaptchaSpec) -> Iterator[str]:
    """Markdown: how much is right, counted in several ways, and the pairs."""
    pairs = find_pairs(evaluation.confusions, spec.charset)
    by_look = group(pairs, spec.charset)
    by_case = {c: c.lower() if c.lower() in spec.charset else c for c in spec.charset}
    ways = {"as they are": {c: c for c in spec.charset}}
    if any(c != f for c, f in by_case.items()):
        ways["upper and lower case as one"] = by_case
    if groups := list_groups(by_look):
        ways[f"look-alikes as one: {' '.join(f'`{g}`' for g in groups)}"] = by_look
    yield "| characters counted | captchas right | 95 % interval |\n|---|--:|--:|"
    for name, first in ways.items():
        same = np.array([*(spec.charset.index(first[c]) for c in spec.charset), len(first)])
        right = count_right(evaluation, split, same)
        low, high = wilson_interval(right, evaluation.n)
        yield f"| {name} | {right / evaluation.n:.2%} | {low:.2%} to {high:.2%} |"
    yield ""
    yield "| pair | of both | read as the other | share |\n|---|--:|--:|--:|"
    for pair in pairs[:MOST_PAIRS]:
        yield f"| `{pair.characters}` | {pair.n:,} | {pair.confused:,} | {pair.share:.2%} |"


def draw(spec: CaptchaSpec, count: int, seed: int) -> Split:
    """Captchas of the generator's, on all cores."""
    starts = range(0, count, CHUNK)
    stops = [min(start + CHUNK, count) for start in starts]
    with ProcessPoolExecutor() as pool:
        chunks = list(pool.map(partial(stack_grey, spec, (), seed), starts, stops))
    images = np.frombuffer(b"".join(chunks), np.uint8).reshape(count, spec.height, spec.width)
    texts = [draw_text(spec, seed, index) for index in range(count)]
    return Split(images, encode(texts, spec), ((spec.drawing, count),))


def main(arguments: Any = None) -> None:
    parser = argparse.ArgumentParser(prog="look_alikes", description=__doc__)
    parser.add_argument("version", type=Path, help="directory of a version, as models/captcha/1")
    parser.add_argument("--captchas", type=int, default=CAPTCHAS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--drawing", help="default: the first that the version was trained on")
    options = parser.parse_args(arguments)
    version = options.version.resolve()
    model = load_version(version, partial(LOADERS["openvino"], threads=1))
    trained_on = str(model.manifest.config["drawings"]).split(",")
    spec = replace(model.spec, drawing=options.drawing or trained_on[0])
    split = draw(spec, options.captchas, options.seed)
    evaluation = evaluate(model.engine.predict, split, spec)
    print(
        f"{options.captchas:,} captchas of {len(spec.charset)} characters, {spec.lengths} in each,"
        f" {spec.width}x{spec.height}, `{spec.drawing}`, seed {options.seed}; of"
        f" {evaluation.characters:,} characters {evaluation.character_accuracy:.2%} right\n"
    )
    print("\n".join(write_tables(evaluation, split, spec)))


if __name__ == "__main__":
    main()
