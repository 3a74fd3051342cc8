"""The command ends with a status and one line for each error, before anything is trained."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shared.versions.bundled_model import BUNDLED_DIR
from tests.trainer.audit.folders import write_images

ROOT = Path(__file__).parents[3]


def label(*arguments: object, models: str = "missing") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "trainer", "label", *map(str, arguments)],
        env={key: value for key, value in os.environ.items() if not key.startswith("TRAIN_")}
        | {"MODELS_DIR": models},
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


def test_a_published_version_predicts_without_a_training(images: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree(BUNDLED_DIR, models / "captcha" / "3")
    out = tmp_path / "out"
    options = ("--version", 3, "--charset", "01", "--length", 4)
    result = label(images, "--out", out, *options, models=str(models))
    assert result.returncode == 0, result.stderr
    assert "self-training" not in result.stderr
    assert "120 images labelled" in result.stderr
    labels = [file.name.split("_")[0] for file in out.iterdir()]
    assert len(labels) == 120
    assert all(len(text) == 4 and set(text) <= {"0", "1"} for text in labels)
