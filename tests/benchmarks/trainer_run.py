"""One run of `python -m trainer` as a process, with empty directories."""

from __future__ import annotations

import csv
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.artifacts import MODEL_NAME, verify
from shared.manifest import Metrics
from tests.benchmarks.processes import module, started

TIMEOUT_S = 3600.0


@dataclass(frozen=True)
class TrainerRun:
    """Times and metrics of a run."""

    total_s: float
    """From the start to the end of the program."""
    best_epoch_s: float
    """Training and validation until the end of the epoch whose weights were published."""
    best_validation_accuracy: float
    metrics: Metrics


def run_trainer(arguments: Sequence[str], generator_url: str, cores: Iterable[int]) -> TrainerRun:
    """Train on the CPU and return what was published.

    Raises:
        ProgramError: if the trainer fails or takes too long.
    """
    with tempfile.TemporaryDirectory(prefix="training-") as directory:
        environment = {
            "GENERATOR_URL": generator_url,
            "MODELS_DIR": f"{directory}/models",
            "DATA_DIR": f"{directory}/data",
            "CUDA_VISIBLE_DEVICES": "-1",
        }
        begin = time.perf_counter()
        with started(module("trainer", *arguments), cores, environment) as program:
            try:
                status = program.process.wait(TIMEOUT_S)
            except subprocess.TimeoutExpired:
                raise program.fail(f"not done after {TIMEOUT_S:g} s") from None
            total_s = time.perf_counter() - begin
            if status:
                raise program.fail(f"exit status {status}")
        version = Path(directory, "models", MODEL_NAME, "1")
        return TrainerRun(total_s, *find_best_epoch(version), verify(version).metrics)


def find_best_epoch(version: Path) -> tuple[float, float]:
    """Return the seconds until the end of the best epoch, and its validation accuracy."""
    with (version / "history.csv").open(newline="") as file:
        epochs = [
            (float(row["val_exact_match"]), float(row["elapsed_s"])) for row in csv.DictReader(file)
        ]
    accuracy, elapsed_s = max(epochs)  # of equally accurate ones the last, as in the trainer
    return elapsed_s, accuracy
