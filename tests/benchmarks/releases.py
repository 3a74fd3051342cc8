"""Exact-match accuracy of a model version on captchas of older releases of the captcha library.

`make bench-releases VERSION=models/captcha/1` prints it. Each release is installed from PyPI in a
temporary environment, with a Pillow of its time. A release whose Pillow has no wheel for this
Python is reported as not measured; Python 3.11 has wheels for all of them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from inference_service.models.model_loading import LoadedModel
from shared.captchas.images import decode_image
from shared.captchas.labels import encode
from shared.captchas.spec import CaptchaSpec
from shared.settings import count_cores
from shared.versions.manifest import Accuracy
from tests.benchmarks import render_release
from tests.benchmarks.fresh_captchas import load
from tests.benchmarks.page import format_accuracy, format_table
from trainer.data.splits import Split
from trainer.evaluation.accuracy import find_correct, measure_accuracy

# Releases of captcha with a Pillow that they run with. Older ones need Python 2.7 or 3.6.
RELEASES = (
    ("0.2.4", "9.5.0"),
    ("0.3", "9.5.0"),
    ("0.4", "9.5.0"),
    ("0.5.0", "10.4.0"),
    ("0.6.0", "11.3.0"),
    ("0.7.0", "12.3.0"),
    ("0.7.1", "10.4.0"),
)


def install(captcha: str, pillow: str, directory: Path) -> Path:
    """Create an environment with a release and return its Python."""
    venv.create(directory, with_pip=True)
    python = directory / "bin" / "python"
    pip: list[str | Path] = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    _run([*pip, "--only-binary=pillow", f"captcha=={captcha}", f"pillow=={pillow}"])
    return python


def render_split(python: Path, spec: CaptchaSpec, count: int, folder: Path) -> Split:
    """Render captchas in an environment, and decode them as the inference service does."""
    folder.mkdir()
    sizes = (spec.shortest, spec.length, spec.width, spec.height)
    _run([python, render_release.__file__, str(count), spec.charset, *map(str, sizes), folder])
    files = sorted(folder.iterdir())
    images = np.stack([decode_image(file.read_bytes(), spec) for file in files])
    return Split(spec, images, encode([file.name.partition("_")[0] for file in files], spec))


def choose_spec(spec: CaptchaSpec) -> CaptchaSpec:
    """Return the captchas to render: four digits if a version knows more, or its own."""
    digits = CaptchaSpec()
    knows_digits = set(digits.charset) <= set(spec.charset) and spec.is_variable
    return digits if knows_digits and spec.shortest <= digits.length <= spec.length else spec


def _run(command: Sequence[str | Path]) -> None:
    subprocess.run(command, capture_output=True, text=True, check=True)


def measure(release: tuple[str, str], model: LoadedModel, count: int) -> Accuracy | str:
    """Return the accuracy on captchas of a release, or why it cannot be measured."""
    with tempfile.TemporaryDirectory(prefix="release-") as directory:
        try:
            python = install(*release, Path(directory, "environment"))
            split = render_split(
                python, choose_spec(model.spec), count, Path(directory, "captchas")
            )
        except subprocess.CalledProcessError as error:
            return str(error.stderr).strip().rpartition("\n")[2] or str(error)
    return measure_accuracy(find_correct(model.engine.predict, model.spec, split))


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the options, measure all releases and print the table; fail if none was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version", type=Path, help="for example models/captcha/1")
    parser.add_argument("--captchas", type=int, default=5_000, help="of each release")
    options = parser.parse_args(arguments)
    model = load(options.version)
    with ThreadPoolExecutor(count_cores()) as pool:
        measure_release = partial(measure, model=model, count=options.captchas)
        results = list(pool.map(measure_release, RELEASES))
    rows = []
    for (captcha, pillow), result in zip(RELEASES, results, strict=True):
        cells = (f"not measured: {result}",) if isinstance(result, str) else format_accuracy(result)
        rows.append((f"{captcha}, Pillow {pillow}", *cells))
    print(f"{model.spec}\n")
    print(format_table(("captcha", "accuracy", "95 % interval", "n"), rows))
    if all(isinstance(result, str) for result in results):
        sys.exit("no release was measured")


if __name__ == "__main__":
    main()
