"""The report of an audit: one self-contained HTML page, and the results as JSON."""

from trainer.audit.report.files import write_report

__all__ = ["write_report"]
