"""The files of a report."""

from __future__ import annotations

from pathlib import Path

from shared.versions.version_index import MAX_AUDIT_FILE_BYTES
from trainer.audit.report.page import render_page
from trainer.audit.results import AuditResults
from trainer.errors import AuditError

REPORT, RESULTS = "report.html", "results.json"


def write_report(results: AuditResults, directory: Path) -> list[Path]:
    """Write the report of an audit.

    Args:
        results: all numbers, with the verdict.
        directory: is created if it does not exist.

    Returns:
        The paths of the page and of the JSON document.

    Raises:
        OSError: if a file cannot be written.
        AuditError: if the page is larger than the inference service sends.
    """
    page = render_page(results)
    if (size := len(page.encode())) > MAX_AUDIT_FILE_BYTES:
        raise AuditError(
            f"the report has {size:,} bytes, at most {MAX_AUDIT_FILE_BYTES:,} can be served: its"
            " galleries have too large images"
        )
    directory.mkdir(parents=True, exist_ok=True)
    contents = {REPORT: page, RESULTS: results.model_dump_json(indent=2) + "\n"}
    for name, content in contents.items():
        (directory / name).write_text(content, encoding="utf-8")
    return [directory / name for name in contents]
