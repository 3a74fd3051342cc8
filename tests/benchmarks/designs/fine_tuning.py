"""Trainings on a few pictures of a design, run as a user runs them."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.captchas.restriction import Restriction
from shared.versions.artifacts import MODEL_NAME, list_versions
from tests.benchmarks.processes import module, started

TIMEOUT_S = 3600.0


@dataclass(frozen=True)
class FineTuning:
    """What a training resulted in."""

    version: Path | None
    """The published version; None if it was not better than the version it started from."""
    seconds: float
    """From the start of the program to the published version, without the learning curve."""


def fine_tune(images: Path, workspace: Path, arguments: Sequence[str] = ()) -> FineTuning:
    """Train on an image folder alone, without a generator.

    Args:
        images: files `<label>_<anything>.png`.
        workspace: an empty directory for models and data.
        arguments: further options of the trainer.

    Raises:
        ProgramError: if the training fails; the message contains its last line.
    """
    options = ("--captchas", "0", "--image-folder", images.resolve(), *arguments)
    # The learning curve takes twice as long, and nothing here depends on it.
    seconds = _run_trainer(workspace, options, last_line="measuring the learning curve")
    models = workspace / "models" / MODEL_NAME
    versions = list_versions(models) if models.exists() else []
    shutil.rmtree(workspace / "data", ignore_errors=True)
    return FineTuning(models / str(max(versions)) if versions else None, seconds)


def label(images: Path, restriction: Restriction, workspace: Path) -> list[str | None]:
    """Let the trainer label pictures, and return its labels in the order of `Pictures`.

    Args:
        images: files `<label>_<index>.png`, whose labels it does not read.
        restriction: what the pictures can show.
        workspace: an empty directory.

    Raises:
        ProgramError: if the labelling fails; the message contains its last line.
    """
    out = workspace / "labelled"
    options = (
        "label", images.resolve(), "--out", out, "--charset", restriction.charset,
        "--length", restriction.max_length, "--min-length", restriction.min_length,
    )  # fmt: skip
    _run_trainer(workspace, options)
    labels: dict[int, str | None] = {}
    for file in out.iterdir():
        text, _, _, index = file.stem.split("_")  # <label>_<confidence>_<label>_<index>
        labels[int(index)] = text
    return [labels[index] for index in sorted(labels)]


def _run_trainer(workspace: Path, options: Sequence[object], last_line: str = "") -> float:
    """Run the trainer on the cores of this thread, and return the seconds.

    Args:
        workspace: an empty directory.
        options: its command-line options.
        last_line: a part of its output at which it is stopped; without one it runs to its end.
    """
    environment = {
        "MODELS_DIR": str(workspace / "models"),
        "DATA_DIR": str(workspace / "data"),
        "CUDA_VISIBLE_DEVICES": "-1",
    }
    begin = time.perf_counter()
    with started(module("trainer", *options), os.sched_getaffinity(0), environment) as program:
        program.wait_end(TIMEOUT_S, last_line)
        return time.perf_counter() - begin
