"""`make audit-captcha` copies the report of its own audit, and no other one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# The first `docker compose run` is the audit. The second one is a shell that reads the volume.
DOCKER = """#!/bin/sh
case "$*" in
  *"--entrypoint sh"*)
    for script; do :; done  # the last argument
    sh -c "$(echo "$script" | sed "s|/models|$MODELS|g")";;
  *) printf '%s\n' "$@" > "$MODELS/arguments"
     mkdir -p "$MODELS/audits" && cd "$MODELS/audits" && sh -c "$AUDIT";;
esac
"""
WRITES = "mkdir new && echo new > new/report.html"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the shell of the image is Linux's")


def run_make(directory: Path, audit: str, *variables: str) -> subprocess.CompletedProcess[str]:
    """Run the target with a program `docker` whose audit is a shell command."""
    programs, earlier = directory / "bin", directory / "models/audits/earlier"
    programs.mkdir()
    earlier.mkdir(parents=True)
    (earlier / "report.html").write_text("earlier\n")
    os.utime(earlier, (1_000_000_000, 1_000_000_000))
    (programs / "docker").write_text(DOCKER)
    (programs / "docker").chmod(0o755)
    return subprocess.run(
        ["make", "--no-print-directory", "audit-captcha", f"OUT={directory}/out", *variables],
        env={
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "MODELS": str(directory / "models"),
            "AUDIT": audit,
        },
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def list_copied(directory: Path) -> list[str]:
    return [path.read_text().strip() for path in directory.glob("out/*")]


@pytest.mark.parametrize(("status", "of_make"), [(0, 0), (1, 2)])
def test_the_report_of_an_audit_is_copied_also_if_the_limit_is_exceeded(
    tmp_path: Path, status: int, of_make: int
) -> None:
    result = run_make(tmp_path, f"{WRITES}; exit {status}")
    assert result.returncode == of_make, result.stderr
    assert list_copied(tmp_path) == ["new"]


# Docker Compose ends with status 1 if a service that the trainer depends on does not start.
@pytest.mark.parametrize("status", [1, 2, 125, 130])
def test_the_report_of_an_earlier_audit_is_not_copied(tmp_path: Path, status: int) -> None:
    result = run_make(tmp_path, f"exit {status}")
    assert result.returncode == 2
    assert list_copied(tmp_path) == []
    assert status != 1 or "no report was copied" in result.stderr


def test_paths_with_spaces_are_mounted(tmp_path: Path) -> None:
    (tmp_path / "my captchas").mkdir()
    (tmp_path / "my audit.toml").write_text("")
    data, config = f"DATA={tmp_path}/my captchas", f"CONFIG={tmp_path}/my audit.toml"
    assert run_make(tmp_path, WRITES, data, config).returncode == 0
    arguments = (tmp_path / "models/arguments").read_text().splitlines()
    assert f"{tmp_path}/my captchas:/images/my captchas:ro" in arguments
    assert "/images/my captchas" in arguments
    assert f"{tmp_path}/my audit.toml:/audit.toml:ro" in arguments
