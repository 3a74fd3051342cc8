"""Runs of the trainer as a program, from its start to the version it publishes."""

from __future__ import annotations

import csv
import re
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.artifacts import MODEL_NAME, verify
from tests.benchmarks.processes import Process, plain, python, started

LIMIT_S = 3600.0
END_S = 60.0
CAPTCHAS_READY = re.compile(r"captchas ready after (\d+) s")


class RunError(RuntimeError):
    """A run that published nothing, or did not end well; the text says what it said last."""


@dataclass(frozen=True)
class Run:
    """What came of a run."""

    total_s: float
    """From the start of the program to the published version."""
    captchas_s: float
    """Of these, until all captchas were there, to the second; TensorFlow is imported meanwhile."""
    metrics: Mapping[str, Any]
    """As the manifest has them."""
    best_pass: int
    """Counted from 1. Its weights are those that were published."""
    best_s: float
    """Of the training, until the end of that pass."""
    best_validation: float
    """Share of the validation captchas that were read right after it."""

    @property
    def train_s(self) -> float:
        """Seconds in training and validation."""
        return float(self.metrics["train_s"])

    @property
    def accuracy(self) -> float:
        """Share of the test captchas that were read right."""
        return float(self.metrics["accuracy"])


def train(
    arguments: Sequence[str], url: str, cores: Iterable[int], limit_s: float = LIMIT_S
) -> Run:
    """One run on the CPU, from empty directories. Raises RunError."""
    with tempfile.TemporaryDirectory(prefix="bench-training-") as scratch:
        models, data = Path(scratch, "models"), Path(scratch, "data")
        environment = plain(
            {
                "GENERATOR_URL": url,
                "MODELS_DIR": str(models),
                "DATA_DIR": str(data),
                "CUDA_VISIBLE_DEVICES": "-1",
            }
        )
        version = models / MODEL_NAME / "1"
        began = time.perf_counter()
        with started(python("trainer", *arguments), cores, environment) as process:
            while process.popen.poll() is None and not version.exists():
                if time.perf_counter() - began > limit_s:
                    raise _error(process, f"not done after {limit_s:g} s")
                time.sleep(0.02)
            total_s = time.perf_counter() - began
            try:
                code = process.popen.wait(END_S)
            except subprocess.TimeoutExpired:
                raise _error(process, "did not end after publishing") from None
            if code or not version.exists():
                raise _error(process, f"ended with exit code {code}")
            ready = CAPTCHAS_READY.search(process.words())
            if ready is None:
                raise _error(process, "did not say when its captchas were ready")
        number, best_s, best_validation = find_best(version / "history.csv")
        metrics = verify(version).metrics
    return Run(total_s, float(ready[1]), metrics, number, best_s, best_validation)


def find_best(history: Path) -> tuple[int, float, float]:
    """The pass whose weights were kept: its number, seconds until its end, its validation.

    Of equals the later, as the trainer has it.
    """
    with history.open(newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    best = max(rows, key=lambda row: (row["val_captcha_accuracy"], row["pass"]))
    return int(best["pass"]), best["elapsed_s"], best["val_captcha_accuracy"]


def _error(process: Process, what: str) -> RunError:
    return RunError(f"{what}, its last words: {process.last_words()}")
