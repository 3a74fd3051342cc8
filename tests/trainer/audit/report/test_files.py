"""The files of a report."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest

from inference_service.routes import audits
from shared.versions.version_index import MAX_AUDIT_FILE_BYTES
from tests.trainer.audit.report.example import build_example
from trainer.audit.report import files, write_report
from trainer.audit.results import AuditResults, GalleryImage
from trainer.errors import AuditError


def test_the_page_and_the_results_are_written_and_nothing_else(tmp_path: Path) -> None:
    written = write_report(build_example(), tmp_path / "new")
    assert written == [tmp_path / "new/report.html", tmp_path / "new/results.json"]
    assert sorted((tmp_path / "new").iterdir()) == written


def test_the_results_can_be_read_back(tmp_path: Path) -> None:
    results = build_example()
    _, path = write_report(results, tmp_path)
    assert AuditResults.model_validate_json(path.read_bytes()) == results


def test_a_second_report_replaces_the_first(tmp_path: Path) -> None:
    write_report(build_example(), tmp_path)
    page, _ = write_report(build_example(network="another-network"), tmp_path)
    assert "another-network" in page.read_text("utf-8")


def test_a_page_that_would_not_be_served_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, MAX_AUDIT_FILE_BYTES, np.uint8).tobytes()
    image = GalleryImage(
        image=base64.b64encode(noise).decode(), label="A", prediction="A", confidence=1
    )
    with pytest.raises(AuditError, match="can be served"):
        write_report(build_example(samples=(image,)), tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_inference_service_finds_the_page() -> None:
    assert audits.REPORT == files.REPORT
