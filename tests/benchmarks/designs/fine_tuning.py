"""Trainings on a few labelled pictures of a design, run as a user runs them."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.artifacts import MODEL_NAME, list_versions
from tests.benchmarks.processes import module, started

TIMEOUT_S = 3600.0


@dataclass(frozen=True)
class FineTuning:
    """What a training resulted in."""

    version: Path | None
    """The published version; None if it was not better than the version it started from."""
    seconds: float
    """From the start to the end of the program."""


def fine_tune(images: Path, workspace: Path, arguments: Sequence[str] = ()) -> FineTuning:
    """Train on an image folder alone, without a generator.

    Args:
        images: files `<label>_<anything>.png`.
        workspace: an empty directory for models and data.
        arguments: further options of the trainer.

    Raises:
        ProgramError: if the training fails; the message contains its last line.
    """
    environment = {
        "MODELS_DIR": str(workspace / "models"),
        "DATA_DIR": str(workspace / "data"),
        "CUDA_VISIBLE_DEVICES": "-1",
    }
    options = ("--captchas", "0", "--image-folder", images.resolve(), *arguments)
    begin = time.perf_counter()
    with started(module("trainer", *options), os.sched_getaffinity(0), environment) as program:
        try:
            status = program.process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise program.fail(f"not done after {TIMEOUT_S:g} s") from None
        seconds = time.perf_counter() - begin
        if status:
            raise program.fail(f"exit status {status}")
    models = workspace / "models" / MODEL_NAME
    versions = list_versions(models) if models.exists() else []
    shutil.rmtree(workspace / "data", ignore_errors=True)
    return FineTuning(models / str(max(versions)) if versions else None, seconds)
