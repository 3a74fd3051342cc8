"""The command ends with a status and one line for each error, before anything is trained."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.trainer.audit.folders import write_images

ROOT = Path(__file__).parents[3]


def label(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "trainer", "label", *map(str, arguments)],
        env={key: value for key, value in os.environ.items() if not key.startswith("TRAIN_")}
        | {"MODELS_DIR": "missing"},
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    write_images(folder, 120)
    return folder


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--charset", "01é"], 2, "charset contains 'é'"),
        (["--charset", "01-"], 2, "does not know '-'"),
        (["--length", "9"], 2, "3 to 8 characters, not 9"),
        (["--seed", "-1"], 2, "--seed"),
        (["--version", "7"], 2, "there is no version 7; published: none"),
        (["--length", "four"], 2, "invalid int value"),
    ],
)
def test_invalid_options_are_named(
    images: Path, tmp_path: Path, arguments: list[str], status: int, message: str
) -> None:
    result = label(images, "--out", tmp_path / "out", *arguments)
    assert (result.returncode, result.stdout) == (status, "")
    assert message in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()


def test_folders_that_cannot_be_used_are_named(images: Path, tmp_path: Path) -> None:
    used = label(images, "--out", images)
    assert (used.returncode, "exists and is not an empty folder" in used.stderr) == (1, True)
    few = label(tmp_path, "--out", tmp_path / "out")
    assert (few.returncode, "contains 0 images" in few.stderr) == (1, True)
    first, *others = sorted(images.iterdir())
    for file in others[:30]:
        file.write_bytes(first.read_bytes())
    copies = label(images, "--out", tmp_path / "out")
    assert (copies.returncode, "contains 90 different images" in copies.stderr) == (1, True)
    (images / "broken.png").write_text("no image")
    broken = label(images, "--out", tmp_path / "out")
    assert (broken.returncode, "broken.png" in broken.stderr) == (1, True)
    assert not (tmp_path / "out").exists()
