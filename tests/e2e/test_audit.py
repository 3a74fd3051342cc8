"""The audit in containers, with the commands of the README."""

from __future__ import annotations

import io
import json
import os
import subprocess
import zipfile
from pathlib import Path

import httpx

from tests.e2e.stack import ROOT, Stack

IMAGES = 300


def make(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments],
        cwd=ROOT,
        env={**os.environ, **stack.environment, "COMPOSE_PROJECT_NAME": stack.project},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_audit_of_ones_own_images_gives_a_report_that_the_page_lists(
    stack: Stack, client: httpx.Client, operator: httpx.Client, trained: float, tmp_path: Path
) -> None:
    images, report = tmp_path / "images", tmp_path / "report"
    query = {"count": IMAGES, "seed": 77, "style": "line"}
    archive = client.get("/dataset", params=query).content
    zipfile.ZipFile(io.BytesIO(archive)).extractall(images)
    options = "--quick --name e2e --fail-above 0.5@100"
    try:
        check_audit(stack, operator, images, report, options)
    finally:  # other tests expect no report
        shell = ("run", "--rm", "-T", "--no-deps", "--entrypoint", "sh", "trainer", "-c")
        stack.compose(*shell, "rm -rf /models/audits")


def check_audit(
    stack: Stack, operator: httpx.Client, images: Path, report: Path, options: str
) -> None:
    audit = make(stack, "audit-captcha", f"DATA={images}", f"OUT={report}", f"ARGS={options}")
    assert audit.returncode == 2, "make reports status 1 of the audit as 2"
    assert "is above the limit 0.5@100" in audit.stderr + audit.stdout
    results = json.loads((report / "results.json").read_text())
    assert results["setting"]["labelled_images"] == IMAGES
    assert results["is_above_limit"] is True
    assert results["verdict"]["level"] == "broken"
    assert results["curve"][0]["labels"] == 0
    assert results["curve"][0]["accuracy"]["accuracy"] > 0.5
    assert "<script" not in (report / "report.html").read_text()
    assert "e2e" in [found["name"] for found in operator.get("/audits").json()["audits"]]
    assert operator.get("/audits/e2e/report.html").content == (report / "report.html").read_bytes()
    assert operator.get("/model").json()["version"] == 1, "an audit publishes no version"


def test_an_impossible_setting_is_refused_before_anything_is_trained(
    stack: Stack, trained: float
) -> None:
    audit = make(stack, "audit-captcha", "ARGS=--length 8 --width 60")
    assert audit.returncode == 2
    assert "width must be at least 64 for 8 characters" in audit.stderr + audit.stdout
