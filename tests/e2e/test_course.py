"""All steps of the course in containers, at a tiny size."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import httpx

from tests.e2e.stack import ROOT, Stack
from trainer.course.command import COPY_COMMAND
from trainer.course.steps import STEPS


def test_steps_of_the_course_write_figures_that_the_printed_command_copies_out(
    stack: Stack, client: httpx.Client, trained: float, tmp_path: Path
) -> None:
    course = stack.compose("run", "--rm", "-T", "trainer", "course", "all", "--size", "tiny")
    assert "curl -X POST -F image=@2140.png 'http://localhost:5000/predict'" in course.stderr
    assert COPY_COMMAND in course.stderr
    command = COPY_COMMAND
    copy, _, unpack = command.partition("|")
    assert unpack.split() == ["tar", "-x"]
    archive = tmp_path / "course.tar"
    with archive.open("wb") as file:
        subprocess.run(
            ["docker", "compose", "-p", stack.project, *copy.split()[2:]],
            cwd=ROOT, env=stack.environment, stdout=file, check=True,
        )  # fmt: skip
    with tarfile.open(archive) as files:
        names = files.getnames()
    for step in STEPS:
        assert any(name.startswith(f"course/{step}/") for name in names), step
    assert client.get("/model").json()["version"] == 1, "the course publishes no version"
