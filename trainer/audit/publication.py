"""Publication of a report on the models volume, complete or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

from shared.file_lock import lock_file
from trainer.audit.report import write_report
from trainer.audit.results import AuditResults

# Names that begin with a dot are no reports.
_NEW, _OLD = ".new-", ".old-"


def publish_report(results: AuditResults, audits: Path) -> Path:
    """Write `report.html` and `results.json`, and replace an earlier report of the same name.

    Args:
        results: everything that the audit measured.
        audits: directory of all reports.

    Returns:
        The directory of the report.
    """
    directory = audits / results.setting.name
    with lock_file(audits / ".lock"):
        _clean_up(audits)
        written = audits / f"{_NEW}{directory.name}"
        try:
            write_report(results, written)
            # A directory cannot replace another one that is not empty.
            if directory.exists():
                directory.rename(audits / f"{_OLD}{directory.name}")
            written.rename(directory)
        finally:
            _clean_up(audits)
    return directory


def _clean_up(audits: Path) -> None:
    """Remove the directories of a publication that has ended, or of one that was killed."""
    for old in audits.glob(f"{_OLD}*"):
        report = audits / old.name.removeprefix(_OLD)
        if not report.exists():  # killed between the two renames
            old.rename(report)
    for pattern in (f"{_OLD}*", f"{_NEW}*"):
        for directory in audits.glob(pattern):
            shutil.rmtree(directory, ignore_errors=True)
