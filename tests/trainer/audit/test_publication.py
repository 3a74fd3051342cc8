"""A report is published completely or not at all, also if an audit is killed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.trainer.audit.report.example import build_example
from trainer.audit import publication
from trainer.audit.publication import publish_report
from trainer.audit.results import AuditResults

NAMES = ["report.html", "results.json"]


def named(name: str) -> AuditResults:
    results = build_example()
    return results.model_copy(update={"setting": results.setting.model_copy(update={"name": name})})


def list_names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_report_replaces_the_earlier_one_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "earlier.txt").touch()
    assert publish_report(named("mine"), tmp_path) == tmp_path / "mine"
    assert list_names(tmp_path) == [".lock", "mine"]
    assert list_names(tmp_path / "mine") == NAMES


def test_a_report_that_cannot_be_written_leaves_the_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(results: AuditResults, directory: Path) -> None:
        directory.mkdir()
        (directory / "report.html").touch()
        raise OSError("no space")

    publish_report(named("mine"), tmp_path)
    monkeypatch.setattr(publication, "write_report", fail)
    with pytest.raises(OSError, match="no space"):
        publish_report(named("mine"), tmp_path)
    assert list_names(tmp_path) == [".lock", "mine"]
    assert list_names(tmp_path / "mine") == NAMES


def test_what_a_killed_audit_has_left_is_put_right_by_the_next_one(tmp_path: Path) -> None:
    publish_report(named("moved"), tmp_path)
    publish_report(named("replaced"), tmp_path)
    # One was killed between the two renames, one after them, and one while it wrote.
    (tmp_path / "moved").rename(tmp_path / ".old-moved")
    shutil.copytree(tmp_path / "replaced", tmp_path / ".old-replaced")
    (tmp_path / ".new-partial").mkdir()

    publish_report(named("mine"), tmp_path)

    assert list_names(tmp_path) == [".lock", "mine", "moved", "replaced"]
    assert list_names(tmp_path / "moved") == NAMES
