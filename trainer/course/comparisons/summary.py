"""The table of a comparison: one row per run, with its last epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from trainer.course.runs.history import COLUMNS, Row
from trainer.course.runs.run import Run
from trainer.course.table_file import write_table


def write_summary(
    target: Path, histories: Mapping[Run, Sequence[Row]], extra: Mapping[Run, Mapping[str, str]]
) -> Path:
    """Write the last epochs as a CSV file, and return the file.

    Args:
        target: the file.
        histories: rows of each run.
        extra: columns of the comparison, the same ones for each run; they come first.
    """
    rows = [
        {
            **extra[run],
            "learning_rate": f"{run.learning_rate:g}",
            **{name: f"{history[-1][name]:g}" for name in COLUMNS},
            "best_val_exact_match": f"{max(row['val_exact_match'] for row in history):g}",
            "run": run.name,
        }
        for run, history in histories.items()
    ]
    return write_table(target, rows)
