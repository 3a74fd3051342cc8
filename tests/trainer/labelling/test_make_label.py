"""`make label` copies the labelled images out of the container, or nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# Notes its arguments and runs the script of the container, with programs of the test.
DOCKER = """#!/bin/sh
printf '%s\n' "$@" > "$FOLDER/arguments"
while [ "$1" != -c ]; do shift; done
shift
script=$(echo "$1" | sed "s|-p /data|-p $FOLDER|")
shift
sh -c "$script" "$@"
"""
# Called as `python -m trainer label /images --out <folder> ...`.
PYTHON = """#!/bin/sh
echo "labelling"
mkdir "$6"
echo image > "$6/ab_0.9_1.png"
exit "$STATUS"
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the shell of the image is Linux's")


def run_make(directory: Path, *variables: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    programs = directory / "bin"
    programs.mkdir()
    for name, script in (("docker", DOCKER), ("python", PYTHON)):
        (programs / name).write_text(script)
        (programs / name).chmod(0o755)
    return subprocess.run(
        ["make", "--no-print-directory", "label", *variables],
        env={
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "FOLDER": str(directory),
            "STATUS": str(status),
        },
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "my images"
    folder.mkdir()
    return folder


def test_the_copies_are_in_the_new_folder(tmp_path: Path, images: Path) -> None:
    out = tmp_path / "labelled images"
    result = run_make(tmp_path, f"DATA={images}", f"OUT={out}", "ARGS=--charset ab --length 2")
    assert result.returncode == 0, result.stderr
    assert [file.name for file in out.iterdir()] == ["ab_0.9_1.png"]
    assert "labelling" in result.stderr  # the archive is all that stdout contains
    arguments = (tmp_path / "arguments").read_text().splitlines()
    assert f"{images}:/images:ro" in arguments
    assert arguments[-5:] == ["label", "--charset", "ab", "--length", "2"]


def test_no_folder_is_left_if_the_labelling_fails(tmp_path: Path, images: Path) -> None:
    out = tmp_path / "out"
    result = run_make(tmp_path, f"DATA={images}", f"OUT={out}", status=1)
    assert result.returncode != 0
    assert not out.exists()


def test_an_existing_folder_is_not_changed(tmp_path: Path, images: Path) -> None:
    result = run_make(tmp_path, f"DATA={images}", f"OUT={images}")
    assert result.returncode == 2
    assert "exists" in result.stdout
    assert not (tmp_path / "arguments").exists()


@pytest.mark.parametrize("variables", [["OUT=new"], ["DATA=missing", "OUT=new"], ["DATA=tests"]])
def test_missing_variables_print_the_usage(tmp_path: Path, variables: list[str]) -> None:
    result = run_make(tmp_path, *variables)
    assert result.returncode == 2
    assert "usage: make label" in result.stdout
