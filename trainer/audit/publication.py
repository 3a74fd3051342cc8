"""Publication of a report on the models volume, complete or not at all."""

from __future__ import annotations

import tempfile
from pathlib import Path

from trainer.audit.report import write_report
from trainer.audit.results import AuditResults


def publish_report(results: AuditResults, audits: Path) -> Path:
    """Write `report.html` and `results.json`, and replace an earlier report of the same name.

    Args:
        results: everything that the audit measured.
        audits: directory of all reports.

    Returns:
        The directory of the report.
    """
    audits.mkdir(parents=True, exist_ok=True)
    directory = audits / results.setting.name
    # Its name begins with a dot, so it is no report.
    with tempfile.TemporaryDirectory(prefix=".", dir=audits) as temporary:
        written = Path(temporary) / "new"
        written.mkdir()
        write_report(results, written)
        # A directory cannot replace another one that is not empty.
        if directory.exists():
            directory.rename(Path(temporary) / "old")
        written.rename(directory)
    return directory
