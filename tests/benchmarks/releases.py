"""How a version reads captchas that older releases of the library drew.

`make bench-releases VERSION=models/captcha/1` prints it. Each release is installed
from PyPI into a directory of its own, with a release of Pillow of its time, draws captchas of the
kind that the version reads, and is forgotten again. A release whose Pillow was not built for this
Python is left out, and said so: Python 3.11 has them all.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from inference_service.engines import LOADERS
from inference_service.models import load_version
from shared.environment import count_cores
from shared.labels import encode
from shared.spec import CaptchaSpec
from tests.benchmarks import release_captchas
from trainer.dataset import Split
from trainer.evaluation import Evaluation, Recogniser, evaluate, wilson_interval
from trainer.folder import read_folder

CAPTCHAS = 5_000


class ReleaseError(RuntimeError):
    """A release that could not be installed or does not draw; the text is what it said last."""


@dataclass(frozen=True)
class Release:
    """A release of the library, with one of Pillow that it runs with."""

    captcha: str
    pillow: str

    def __str__(self) -> str:
        return f"{self.captcha}, Pillow {self.pillow}"


# Those before, and releases of Pillow before 9, need Python 2.7 or 3.6.
RELEASES = (
    Release("0.2.4", "9.5.0"),
    Release("0.3", "9.5.0"),
    Release("0.4", "9.5.0"),
    Release("0.5.0", "10.4.0"),
    Release("0.6.0", "11.3.0"),
    Release("0.7.0", "12.3.0"),
    Release("0.7.1", "10.4.0"),
)


def install(release: Release, directory: Path) -> Path:
    """The Python of a new environment that has the release. Raises ReleaseError."""
    venv.create(directory, with_pip=True)
    python = directory / "bin" / "python"
    # Nobody else's pictures are opened with these old releases of Pillow.
    run([
        python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary=pillow",
        f"captcha=={release.captcha}", f"pillow=={release.pillow}",
    ])  # fmt: skip
    return python


def draw(python: Path, spec: CaptchaSpec, count: int, folder: Path) -> Split:
    """What the release of that Python draws, decoded as inference would. Raises ReleaseError."""
    folder.mkdir()
    run([
        python, release_captchas.__file__, str(count), spec.charset, str(spec.shortest),
        str(spec.length), str(spec.width), str(spec.height), folder,
    ])  # fmt: skip
    own = read_folder(folder, spec)
    return Split(own.images, encode(own.texts, spec), ((folder.name, count),))


def run(command: Sequence[str | Path]) -> None:
    """Raises ReleaseError if the command fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise ReleaseError(lines[-1] if lines else f"ended with {done.returncode}")


def measure(
    release: Release, recognise: Recogniser, spec: CaptchaSpec, count: int
) -> Evaluation | ReleaseError:
    """How captchas of the release are read, or why there are none."""
    with tempfile.TemporaryDirectory(prefix="release-") as directory:
        try:
            python = install(release, Path(directory) / "environment")
            split = draw(python, spec, count, Path(directory) / "captchas")
        except ReleaseError as error:
            return error
    return evaluate(recognise, split, spec)


def write_table(
    releases: Sequence[Release], outcomes: Sequence[Evaluation | ReleaseError]
) -> Iterator[str]:
    """Markdown, a line for each release."""
    yield "| drawn by `captcha` | captchas right | 95 % interval |\n|---|--:|--:|"
    for release, outcome in zip(releases, outcomes, strict=True):
        if isinstance(outcome, ReleaseError):
            yield f"| {release} | not measured: {outcome} | |"
            continue
        low, high = wilson_interval(outcome.correct, outcome.n)
        yield f"| {release} | {outcome.accuracy:.2%} | {low:.2%} to {high:.2%} |"


def main(arguments: Any = None) -> int:
    parser = argparse.ArgumentParser(prog="releases", description=__doc__)
    parser.add_argument("version", type=Path, help="directory of a version, as models/captcha/1")
    parser.add_argument("--captchas", type=int, default=CAPTCHAS, help="of each release")
    options = parser.parse_args(arguments)
    model = load_version(options.version.resolve(), partial(LOADERS["openvino"], threads=1))
    with ThreadPoolExecutor(count_cores()) as pool:
        measured = partial(
            measure, recognise=model.engine.predict, spec=model.spec, count=options.captchas
        )
        outcomes = list(pool.map(measured, RELEASES))
    spec = model.spec
    print(
        f"{options.captchas:,} captchas of each, {len(spec.charset)} characters, {spec.lengths} in"
        f" each, {spec.width}x{spec.height}\n"
    )
    print("\n".join(write_table(RELEASES, outcomes)))
    return os.EX_UNAVAILABLE if all(isinstance(o, ReleaseError) for o in outcomes) else os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
