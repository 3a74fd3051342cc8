"""Tables of the course as CSV files."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from shared.replaced_file import replace_file


def write_table(target: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """Write a CSV file as a whole, so that an interrupted write keeps the earlier file.

    Args:
        target: the file.
        rows: at least one; all have the columns of the first one, in its order.

    Returns:
        The file.

    Raises:
        ValueError: if there are no rows, or one has another column.
    """
    if not rows:
        raise ValueError(f"{target.name} needs at least one row")
    with replace_file(target) as partial, partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return target
