"""Exact-match accuracy of a model version on fresh captchas of each rendering style.

`python -m tests.benchmarks.fresh_captchas shared/bundled/0 --charset 0123456789 --length 4` prints
it. The prediction is restricted to the characters and lengths, as the inference service does for
the captchas of its generator. Without options these are the ones of the version. `--seed 5` gives
the test captchas of a training with `--seed 1`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from generator_service.rendering.captcha_text import generate_text
from generator_service.rendering.dataset_batches import render_grey_batch
from generator_service.rendering.render_options import RenderOptions
from inference_service.engines import OpenVinoEngine
from inference_service.models.model_loading import LoadedModel, load_version
from shared.captchas.images import fit_size
from shared.captchas.labels import decode, encode
from shared.captchas.restriction import Restriction, predict_texts
from shared.captchas.spec import STYLES, CaptchaSpec
from tests.benchmarks.page import format_accuracy, format_table
from trainer.data.splits import Split
from trainer.evaluation.accuracy import measure_accuracy
from trainer.evaluation.calibration import measure_calibration

SEED = 4_000_003  # no training with TRAIN_SEED=1 uses it


def load(version: Path) -> LoadedModel:
    """Load a version as the inference service does."""
    return load_version(version.resolve(), OpenVinoEngine)


def render_split(spec: CaptchaSpec, seed: int, start: int, stop: int) -> Split:
    """Return captchas start..stop-1 of a seed."""
    pixels = render_grey_batch(spec, RenderOptions(), seed, start, stop)
    images = np.frombuffer(pixels, np.uint8).reshape(-1, spec.height, spec.width)
    texts = [generate_text(spec, seed, index) for index in range(start, stop)]
    return Split(spec, images, encode(texts, spec))


def measure(model: LoadedModel, split: Split) -> tuple[str, ...]:
    """Return accuracy, interval and n, accuracy with the case folded, and calibration error."""
    images = np.stack([fit_size(image, model.spec) for image in split.images[:]])
    probabilities = model.engine.predict(images)
    predictions = predict_texts(probabilities, model.spec, Restriction.from_spec(split.spec))
    pairs = list(zip(predictions.texts, decode(split.labels, split.spec), strict=True))
    is_correct = np.array([text == label for text, label in pairs])
    folded = np.mean([text.lower() == label.lower() for text, label in pairs])
    error = measure_calibration(1.0, predictions.confidences, is_correct).expected_calibration_error
    return (*format_accuracy(measure_accuracy(is_correct)), f"{folded:.2%}", f"{error:.4f}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the options, render, predict and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version", type=Path, help="for example models/captcha/1")
    parser.add_argument("--captchas", type=int, default=25_600, help="of all styles together")
    parser.add_argument("--styles", default="current,classic", help="separated by commas")
    parser.add_argument("--charset", help="the charset of the version by default")
    parser.add_argument("--length", type=int, help="the maximum, if --min-length is given")
    parser.add_argument("--min-length", type=int)
    parser.add_argument("--width", type=int, help="in pixels; the size of the version by default")
    parser.add_argument("--height", type=int)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(arguments)
    model = load(options.version)
    spec = replace(
        model.spec,
        charset=options.charset or model.spec.charset,
        length=options.length or model.spec.length,
        min_length=options.min_length or options.length or model.spec.min_length,
        width=options.width or model.spec.width,
        height=options.height or model.spec.height,
    )
    styles = [style for style in STYLES if style in options.styles.split(",")]
    count = options.captchas // len(styles)
    rows = []
    for number, style in enumerate(styles):
        # As in a training, the styles have different indices and therefore different texts.
        start = number * count
        split = render_split(replace(spec, style=style), options.seed, start, start + count)
        rows.append((f"`{style}`", *measure(model, split)))
    print(f"{spec}, seed {options.seed}\n")
    columns = ("style", "accuracy", "95 % interval", "n", "case folded", "calibration error")
    print(format_table(columns, rows))


if __name__ == "__main__":
    main()
