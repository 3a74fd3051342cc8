from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.versions.sync_status import SYNC_STATUS, read_sync_status, write_sync_status


def test_a_status_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_sync_status(tmp_path, ["version 2 was not copied"], [1, 3], {"forum/report.html": "ab"})
    status = read_sync_status(tmp_path)
    assert status
    assert (status.problems, status.mirrored) == (("version 2 was not copied",), (1, 3))
    assert status.audits == {"forum/report.html": "ab"}
    assert abs((datetime.now(UTC) - status.checked).total_seconds()) < 60
    assert [path.name for path in tmp_path.iterdir()] == [SYNC_STATUS]


@pytest.mark.parametrize("content", [None, "", "{", "{}", "[]"])
def test_a_missing_or_damaged_status_is_none(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / SYNC_STATUS).write_text(content)
    assert read_sync_status(tmp_path) is None


def test_a_status_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    write_sync_status(tmp_path, [], [], {})
    (tmp_path / SYNC_STATUS).rename(tmp_path / "other")
    (tmp_path / SYNC_STATUS).symlink_to("other")
    assert read_sync_status(tmp_path) is None
