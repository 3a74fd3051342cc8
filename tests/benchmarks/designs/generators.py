"""Installs fonts and published generators into a directory, and runs the programs of designs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.designs.catalogue import FONT_PACKAGES
from tests.benchmarks.designs.design import PROGRAMS, Design
from tests.benchmarks.processes import ROOT

TIMEOUT_S = 3600.0
PIP_OPTIONS = ("install", "-q", "--disable-pip-version-check")


class GeneratorError(RuntimeError):
    """A generator that cannot be installed or fails; the message contains its last line."""


def draw(design: Design, texts: Sequence[str], seed: int, folder: Path, cache: Path) -> None:
    """Draw texts into a folder, as files `<text>_<index>.<suffix>`.

    Args:
        design: what draws.
        texts: one for each picture.
        seed: determines the pictures.
        folder: an empty directory.
        cache: where generators and fonts are installed and found again.

    Raises:
        GeneratorError: if the generator cannot be installed or fails.
    """
    job = {
        "texts": list(texts),
        "seed": seed,
        "folder": str(folder.resolve()),
        "fonts": [str(file) for file in _find_fonts(design.fonts, cache)],
    }
    if design.npm:
        modules = _install_npm(design, cache) / "node_modules"
        command = ["node", str(PROGRAMS / f"{design.name}.cjs")]
        _run(command, {"NODE_PATH": str(modules)}, json.dumps(job))
    else:
        python = _install_pip(design, cache) if design.pip else Path(sys.executable)
        _run([str(python), "-m", f"{__package__}.programs.{design.name}"], {}, json.dumps(job))


def _find_fonts(names: Sequence[str], cache: Path) -> list[Path]:
    directory = cache / "fonts"
    if names and not directory.exists():
        with _complete(directory) as target:
            pip = [sys.executable, "-m", "pip", *PIP_OPTIONS, "--no-deps", "--target", str(target)]
            _run([*pip, *FONT_PACKAGES], {})
    found = {file.name: file.resolve() for file in directory.rglob("*.?tf")}
    missing = [name for name in names if name not in found]
    if missing:
        raise GeneratorError(f"{directory} has no {', '.join(missing)}; delete it to install again")
    return [found[name] for name in names]


def _install_pip(design: Design, cache: Path) -> Path:
    directory = cache / "generators" / design.name
    if not directory.exists():
        # An environment contains its own path, so it cannot be renamed.
        try:
            venv.create(directory, with_pip=True)
            python = str(directory / "bin" / "python")
            _run([python, "-m", "pip", *PIP_OPTIONS, *design.pip], {})
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise
    return (directory / "bin" / "python").absolute()


def _install_npm(design: Design, cache: Path) -> Path:
    directory = cache / "generators" / design.name
    if not directory.exists():
        with _complete(directory) as target:
            # --ignore-scripts: no program of a package runs while it is installed.
            npm = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]
            _run([*npm, str(target), *design.npm], {})
    return directory.resolve()


@contextmanager
def _complete(directory: Path) -> Iterator[Path]:
    """Yield a directory that gets its final name only if the block succeeds."""
    part = directory.with_name(f"{directory.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    yield part.resolve()
    part.rename(directory)


def _run(command: Sequence[str], environment: Mapping[str, str], job: str = "") -> None:
    try:
        subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | environment,
            input=job,
            capture_output=True,
            text=True,
            check=True,
            timeout=TIMEOUT_S,
        )
    except FileNotFoundError as error:
        raise GeneratorError(f"{command[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise GeneratorError(f"{command[0]} was not done after {TIMEOUT_S:g} s") from error
    except subprocess.CalledProcessError as error:
        lines = str(error.stderr).strip().splitlines()
        raise GeneratorError(lines[-1] if lines else str(error)) from error
