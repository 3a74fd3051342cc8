"""A rejection is stored in the directory of a training and read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.publishing.rejection import Rejection, read_rejection, write_rejection

REJECTION = Rejection(training_fingerprint="a", reference_fingerprint="b", reason="worse")


def test_a_rejection_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_rejection(tmp_path) is None
    write_rejection(tmp_path, REJECTION)
    assert read_rejection(tmp_path) == REJECTION
    assert [path.name for path in tmp_path.iterdir()] == ["rejection.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b'{"reason": 1}'])
def test_a_damaged_rejection_is_ignored(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "rejection.json").write_bytes(content)
    assert read_rejection(tmp_path) is None
