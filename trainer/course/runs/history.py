"""The history of a run: one row per epoch in a CSV file."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from trainer.course.runs.run import Run
from trainer.course.table_file import write_table

HISTORY_FILE = "history.csv"
_MEASURED = ("loss", "binary_accuracy", "character_accuracy", "exact_match")
COLUMNS = ("epoch", *_MEASURED, *(f"val_{name}" for name in _MEASURED), "seconds")
"""`epoch` counts from 1, and is a fraction if the time ended it. `val_` marks captchas that were
not trained on. `seconds` is the training time since the start, without the validation."""

Row = dict[str, float]


def read_history(directory: Path) -> list[Row]:
    """Return the rows of a run's directory; none if there is no history."""
    path = directory / HISTORY_FILE
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def write_history(directory: Path, rows: Sequence[Row]) -> None:
    """Write the rows as a whole. A process that is killed meanwhile leaves the earlier ones."""
    table = directory / HISTORY_FILE
    write_table(table, [{name: row[name] for name in COLUMNS} for row in rows])


def is_finished(run: Run, rows: Sequence[Row]) -> bool:
    """Return whether a run has nothing left to do.

    A loss that is not finite ends a run: it is a result, and more steps do not change it.
    """
    if not rows:
        return False
    last = rows[-1]
    if not math.isfinite(last["loss"]):
        return True
    if run.epochs:
        return last["epoch"] >= run.epochs
    return last["seconds"] >= 60 * run.minutes
