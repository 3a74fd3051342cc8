"""Exact-match accuracy of a model version on fresh captchas of each style it was trained on.

`python -m tests.benchmarks.fresh_captchas models/captcha/1` prints it. `--seed 5` gives the test
captchas of a training with `--seed 1`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from generator_service.captcha_text import generate_text
from generator_service.dataset_batches import render_grey_batch
from inference_service.engines import OpenVinoEngine
from inference_service.model_loading import LoadedModel, load_version
from shared.labels import encode
from shared.spec import CaptchaSpec
from tests.benchmarks.page import format_accuracy, format_table
from trainer.data.splits import Split
from trainer.evaluation.accuracy import evaluate

SEED = 4_000_003  # no training with TRAIN_SEED=1 uses it


def load(version: Path) -> LoadedModel:
    """Load a version as the inference service does."""
    return load_version(version.resolve(), partial(OpenVinoEngine, threads=1))


def render_split(spec: CaptchaSpec, seed: int, start: int, stop: int) -> Split:
    """Return captchas start..stop-1 of a seed."""
    pixels = render_grey_batch(spec, (), seed, start, stop)
    images = np.frombuffer(pixels, np.uint8).reshape(-1, spec.height, spec.width)
    texts = [generate_text(spec, seed, index) for index in range(start, stop)]
    return Split(spec, images, encode(texts, spec))


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the options, render, predict and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version", type=Path, help="for example models/captcha/1")
    parser.add_argument("--captchas", type=int, default=25_600, help="of all styles together")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(arguments)
    model = load(options.version)
    styles = model.manifest.config["styles"]
    count = options.captchas // len(styles)
    rows = []
    for number, style in enumerate(styles):
        # As in a training, the styles have different indices and therefore different texts.
        spec = replace(model.spec, style=style)
        split = render_split(spec, options.seed, number * count, (number + 1) * count)
        evaluation = evaluate(model.engine.predict, split)
        confusions = (f"{c.truth} as {c.predicted}: {c.count}" for c in evaluation.most_confused)
        accuracy = format_accuracy(evaluation.accuracy)
        characters = f"{evaluation.character_accuracy:.3%}"
        rows.append((f"`{style}`", *accuracy, characters, ", ".join(confusions)))
    print(f"{model.spec}, seed {options.seed}\n")
    columns = ("style", "accuracy", "95 % interval", "n", "characters", "most frequent confusions")
    print(format_table(columns, rows))


if __name__ == "__main__":
    main()
