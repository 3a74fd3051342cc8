"""What people do with the trainer beside the default: break it off, feed it, look at it."""

from __future__ import annotations

import io
import os
import re
import subprocess
import zipfile
from pathlib import Path

import httpx

from tests.e2e.stack import ROOT, Stack, raw_log_of
from tests.e2e.trainers import SMALL, finish, run_trainer
from tests.serving import eventually, free_port

# Where nothing is published for the services that run.
ASIDE = {"MODELS_DIR": "/tmp/models", "TRAIN_MIN_ACCURACY": "0"}


def test_a_killed_training_goes_on_and_keeps_to_its_minutes(stack: Stack) -> None:
    settings = SMALL | ASIDE | {"TRAIN_SEED": "79", "TRAIN_CAPTCHAS": "1000"}
    endless = settings | {"TRAIN_EPOCHS": "5000"}
    killed = run_trainer(stack, **endless, TRAIN_MAX_MINUTES="60")
    eventually(lambda: "pass 3:" in raw_log_of(killed), 120, "three passes are done")
    subprocess.run(["docker", "kill", killed], capture_output=True, check=True)
    assert finish(stack, killed)[0] == 137

    code, logs = finish(stack, run_trainer(stack, **endless, TRAIN_MAX_MINUTES="0.01"))
    assert code == 0, logs
    resumed = re.search(r"going on after pass (\d+) of an earlier training", logs)
    assert resumed is not None, logs
    assert int(resumed.group(1)) >= 3
    assert "the 0.01 minutes are over" in logs
    assert "version 1 published" in logs


def test_a_disk_too_full_is_told_before_anything_is_fetched(stack: Stack) -> None:
    code, logs = finish(
        stack, run_trainer(stack, **ASIDE, DATA_DIR="/tmp/data", TRAIN_CAPTCHAS="200000")
    )
    assert code == 1
    assert re.search(r"/tmp/data has [\d,]+ MB free, and this training needs [\d,]+ MB", logs)
    assert "train captchas" not in logs


def test_a_folder_of_ones_own_is_trained_on(
    stack: Stack, client: httpx.Client, tmp_path: Path
) -> None:
    # Captchas such as no generator here draws by itself: three letters, seen as files.
    code = (
        "from generator_service.drawing import *; from shared.dataset_archive import ZipWriter;"
        "import sys; s = CaptchaSpec('ABCDEF', 3, 100, 40); w = ZipWriter(0);"
        "sys.stdout.buffer.write(w.add(list_pngs(s, (), 5, 0, 600)) + w.finish())"
    )
    drawn = subprocess.run(
        ["docker", "compose", "-p", stack.project, "exec", "-T", "generator", "python", "-c", code],
        cwd=ROOT, capture_output=True, check=True,
    ).stdout  # fmt: skip
    folder = tmp_path / "own"
    folder.mkdir()
    with zipfile.ZipFile(io.BytesIO(drawn)) as archive:
        archive.extractall(folder)
    tmp_path.chmod(0o755)

    def make(folder: Path, arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PORT": str(stack.port), "COMPOSE_PROJECT_NAME": stack.project}
        return subprocess.run(
            ["make", "train", f"DATA={folder}", f"ARGS={arguments}"],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    few = "--captchas 0 --epochs 1 --min-accuracy 1"
    alone = make(folder, few)
    assert "600 captchas of 100x40, 3 characters out of 'ABCDEF'" in alone.stderr, alone.stderr
    assert re.search(r"own: .* % of \d+", alone.stderr)
    assert "nothing was published" in alone.stderr

    mixed = make(folder, "--captchas 500 --epochs 1 --min-accuracy 1")
    assert re.search(r"\w_\d+\.png: text has 3 characters", mixed.stderr), mixed.stderr

    nowhere = make(tmp_path / "nowhere", few)
    assert nowhere.returncode == 2
    assert "usage: make train DATA=folder" in nowhere.stdout


def test_tensorboard_shows_the_trainings(stack: Stack) -> None:
    port = free_port()
    stack.compose("build", "tensorboard")
    stack.compose("up", "-d", "--no-deps", "tensorboard", TENSORBOARD_PORT=str(port))
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as board:

            def runs() -> list[str]:
                try:
                    return board.get("/data/runs").json()
                except httpx.TransportError:
                    return []

            eventually(lambda: bool(runs()), 60, "TensorBoard finds runs")
            assert any(name.startswith("4of10-160x60-compact-") for name in runs())
            tags = board.get("/data/plugin/scalars/tags").json()
            assert any("passes/val_captcha_accuracy" in names for names in tags.values())
    finally:
        stack.compose("rm", "-sf", "tensorboard", check=False)
