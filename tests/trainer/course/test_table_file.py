"""Tables as files: written as a whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.course.table_file import write_table


def test_the_columns_are_those_of_the_first_row_in_its_order(tmp_path: Path) -> None:
    rows = [{"name": "a", "value": 0.5}, {"name": "b, c", "value": ""}]
    table = write_table(tmp_path / "table.csv", rows)
    assert table.read_text().splitlines() == ["name,value", "a,0.5", '"b, c",']
    assert list(tmp_path.iterdir()) == [table]


@pytest.mark.parametrize("rows", [[], [{"name": "a"}, {"name": "b", "other": 1}]])
def test_a_table_that_cannot_be_written_leaves_the_one_before_it(
    tmp_path: Path, rows: list[dict[str, object]]
) -> None:
    table = write_table(tmp_path / "table.csv", [{"name": "before"}])
    with pytest.raises(ValueError, match=r"table\.csv needs at least one row|not in fieldnames"):
        write_table(table, rows)
    assert table.read_text().splitlines() == ["name", "before"]
