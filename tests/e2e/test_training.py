"""Trainings beside the default one: interrupted, rejected, on image folders, in TensorBoard."""

from __future__ import annotations

import io
import os
import re
import subprocess
import zipfile
from pathlib import Path

import httpx

from tests.e2e.replicas import get_inside
from tests.e2e.stack import ROOT, Stack, read_log
from tests.e2e.trainers import finish, run_trainer
from tests.serving import eventually, free_port
from trainer.config import derive_split_seed

# A models directory that the running services do not see.
ELSEWHERE = {"MODELS_DIR": "/tmp/models"}


def test_a_model_that_fails_the_quality_gate_is_not_published(
    stack: Stack, client: httpx.Client, trained: float
) -> None:
    code, log = finish(stack, run_trainer(stack, TRAIN_CAPTCHAS="200", TRAIN_MIN_ACCURACY="0.99"))
    assert code == 1
    assert "nothing was published, existing versions are unchanged" in log
    assert client.get("/ready").json()["version"] == 1


def test_a_trainer_that_is_killed_while_it_fetches_keeps_its_captchas(
    stack: Stack, client: httpx.Client, trained: float
) -> None:
    # A seed of its own, so that nothing is cached.
    settings = {"TRAIN_SEED": "76", "TRAIN_CAPTCHAS": "60000"}
    directory = str(derive_split_seed(76, "train"))

    def list_parts(container: str) -> set[str]:
        find = ["find", "/data", "-path", f"*/{directory}/*.npz", "-printf", "%P %T@\n"]
        result = subprocess.run(
            ["docker", "exec", container, *find], capture_output=True, text=True, check=False
        )
        return set(result.stdout.splitlines())

    killed = run_trainer(stack, **settings)
    eventually(lambda: bool(list_parts(killed)), 60, "it fetches")
    kept = list_parts(killed)
    subprocess.run(["docker", "kill", killed], capture_output=True, check=True)
    assert finish(stack, killed)[0] == 137
    assert client.get("/ready").json()["version"] == 1

    second = run_trainer(stack, **settings)
    eventually(lambda: "data ready" in read_log(second), 120, "all captchas are fetched")
    parts = list_parts(second)
    subprocess.run(["docker", "kill", second], capture_output=True, check=True)
    finish(stack, second)
    assert kept < parts, "parts were fetched again"


def test_a_restarted_generator_interrupts_no_training(
    stack: Stack, client: httpx.Client, operator: httpx.Client, trained: float
) -> None:
    # Another seed, so that nothing is cached, and enough captchas to restart during the download.
    settings = {"TRAIN_SEED": "78", "TRAIN_CAPTCHAS": "20000", "TRAIN_EPOCHS": "1"}
    survivor = run_trainer(stack, **settings)
    # With its 200 captchas each for validation and test; an earlier training wanted others.
    eventually(
        lambda: operator.get("/training").json()["captchas_wanted"] == 20_400, 60, "it fetches"
    )
    stack.compose("restart", "--timeout", "0", "generator")
    code, log = finish(stack, survivor)
    assert code == 0, log
    assert "retrying in" in log, "the restart interrupted nothing"
    assert "version 2 published" in log
    eventually(lambda: client.get("/ready").json()["version"] == 2, 10, "version 2 is active")

    # Roll back to the previous version.
    stack.compose(
        "run", "--rm", "--no-deps", "--entrypoint", "rm", "trainer", "-r", "/models/captcha/2"
    )
    eventually(lambda: client.get("/ready").json()["version"] == 1, 10, "version 1 is active")


def test_a_killed_training_resumes_and_respects_its_time_limit(stack: Stack) -> None:
    settings = ELSEWHERE | {
        "TRAIN_SEED": "79", "TRAIN_CAPTCHAS": "1000", "TRAIN_EPOCHS": "5000",
    }  # fmt: skip
    killed = run_trainer(stack, **settings, TRAIN_MAX_MINUTES="60")
    eventually(lambda: "epoch 4: loss" in read_log(killed), 120, "three checkpoints are written")
    subprocess.run(["docker", "kill", killed], capture_output=True, check=True)
    assert finish(stack, killed)[0] == 137

    code, log = finish(stack, run_trainer(stack, **settings, TRAIN_MAX_MINUTES="0.01"))
    assert code == 0, log
    resumed = re.search(r"resuming after epoch (\d+)", log)
    assert resumed is not None, log
    assert int(resumed.group(1)) >= 3
    assert "the time limit of 0.01 minutes is reached" in log
    assert "version 1 published" in log


def test_missing_disk_space_is_reported_before_anything_is_fetched(stack: Stack) -> None:
    code, log = finish(
        stack, run_trainer(stack, **ELSEWHERE, DATA_DIR="/tmp/data", TRAIN_CAPTCHAS="200000")
    )
    assert code == os.EX_TEMPFAIL
    assert re.search(r"/tmp/data\S* has [\d,]+ MB free, and this training needs [\d,]+ MB", log)
    assert "train captchas" not in log


def test_an_unknown_setting_and_an_invalid_preset_are_rejected(stack: Stack) -> None:
    code, log = finish(stack, run_trainer(stack, TRAIN_LOOKS="3"))
    assert code == 2
    assert "unknown setting TRAIN_LOOKS" in log
    code, log = finish(stack, run_trainer(stack, TRAIN_PRESET="/presets/missing.toml"))
    assert code == 2
    assert "the preset /presets/missing.toml cannot be read" in log


def test_an_image_folder_is_trained_on(stack: Stack, client: httpx.Client, tmp_path: Path) -> None:
    # Captchas that the running generator does not render: three letters in 100x40 pixels.
    program = (
        "import sys; from generator_service.rendering.dataset_batches import render_png_batch;"
        "from generator_service.rendering.render_options import RenderOptions;"
        "from shared.captchas.dataset_archive import ZipWriter;"
        "from shared.captchas.spec import CaptchaSpec;"
        "spec = CaptchaSpec('ABCDEF', 3, 100, 40); writer = ZipWriter(0);"
        "images = render_png_batch(spec, RenderOptions(), 5, 0, 600);"
        "sys.stdout.buffer.write(writer.add(images) + writer.finish())"
    )
    command = ["docker", "compose", "-p", stack.project, "exec", "-T", "generator"]
    archive = subprocess.run(
        [*command, "python", "-c", program],
        cwd=ROOT, env=stack.environment, capture_output=True, check=True,
    ).stdout  # fmt: skip
    folder = tmp_path / "images"
    folder.mkdir()
    with zipfile.ZipFile(io.BytesIO(archive)) as images:
        images.extractall(folder)
    tmp_path.chmod(0o755)

    def make_train(folder: Path, arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["make", "train", f"DATA={folder}", f"ARGS={arguments}"],
            cwd=ROOT, env=stack.environment | {"COMPOSE_PROJECT_NAME": stack.project},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    few = "--preset /presets/small.toml --epochs 1 --min-accuracy 1"
    alone = make_train(folder, few)
    assert "600 images of 100x40 pixels, 3 characters of 'ABCDEF'" in alone.stderr, alone.stderr
    assert re.search(r"image folder: \S+ % of \d+", alone.stderr)
    assert "nothing was published" in alone.stderr

    mixed = make_train(folder, f"{few} --captchas 500")
    assert re.search(r"\w_\d+\.png: text has 3 characters", mixed.stderr), mixed.stderr

    missing = make_train(tmp_path / "missing", few)
    assert missing.returncode == 2
    assert "usage: make train DATA=folder" in missing.stdout


def test_images_without_labels_are_labelled(
    stack: Stack, client: httpx.Client, trained: float, tmp_path: Path
) -> None:
    folder, out = tmp_path / "own images", tmp_path / "labelled"
    folder.mkdir()
    labels = {}
    query = {"count": 120, "seed": 78, "style": "crowded"}
    with zipfile.ZipFile(io.BytesIO(client.get("/dataset", params=query).content)) as images:
        for i, name in enumerate(images.namelist()):
            labels[f"image{i}.png"] = name.partition("_")[0]
            (folder / f"image{i}.png").write_bytes(images.read(name))
    tmp_path.chmod(0o755)

    def label(options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["make", "label", f"DATA={folder}", f"OUT={out}", f"ARGS={options}"],
            cwd=ROOT, env=stack.environment | {"COMPOSE_PROJECT_NAME": stack.project},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    missing = label("--version 9")
    assert missing.returncode != 0
    assert "--version: there is no version 9; published: 1" in missing.stderr
    assert not out.exists()

    labelled = label("--charset 0123456789 --length 4")
    assert labelled.returncode == 0, labelled.stderr
    assert "120 images labelled" in labelled.stderr
    names = [file.name.split("_") for file in out.iterdir()]
    assert {name for _, _, name in names} == set(labels)
    assert sum(labels[name] == label for label, _, name in names) > 60
    assert client.get("/ready").json()["version"] == 1, "nothing was published"


def test_tensorboard_shows_the_trainings(stack: Stack, trained: float) -> None:
    port = free_port()
    stack.compose("build", "tensorboard")
    stack.compose("up", "-d", "--no-deps", "tensorboard", TENSORBOARD_PORT=str(port))
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as tensorboard:

            def is_loaded() -> bool:
                tags = tensorboard.get("/data/plugin/scalars/tags").json()
                return any(
                    run.startswith("4of10-160x60-medium-") and "epoch_exact_match" in names
                    for run, names in tags.items()
                )

            eventually(is_loaded, 60, "TensorBoard shows the default training")
    finally:
        stack.compose("rm", "-sf", "tensorboard", check=False)


def test_other_captchas_are_predicted_without_a_training(
    stack: Stack, client: httpx.Client, operator: httpx.Client, trained: float
) -> None:
    settings = {
        "CAPTCHA_CHARSET": "ABCDEFGHJKLMNPQRSTUVWXYZ23456789",
        "CAPTCHA_LENGTH": "6",
        "CAPTCHA_MIN_LENGTH": "4",
    }

    def recreate(**environment: str) -> None:
        stack.compose("up", "-d", "--no-deps", "generator", **environment)

    def all_answer_with(version: int | None) -> bool:
        # Each replica asks the generator at its own time.
        found = [get_inside(c, "/ready") for c in stack.containers("inference")]
        return all(r is not None and r.json().get("version") == version for r in found)

    recreate(**settings)
    try:
        eventually(lambda: all_answer_with(0), 60, "the bundled model is active")
        model = operator.get("/model").json()
        assert (model["version"], model["source"]) == (0, "bundled")
        correct = 0
        for _ in range(50):
            captcha = client.get("/captcha").json()
            prediction = client.post("/predict", json=captcha).json()["prediction"]
            assert set(prediction) <= set(settings["CAPTCHA_CHARSET"])
            assert 4 <= len(prediction) <= 6
            correct += prediction == captcha["text"]
        assert correct >= 40
        recreate(CAPTCHA_CHARSET="+-=")
        eventually(lambda: all_answer_with(None), 60, "no model predicts these captchas")
        problem = client.post("/predict", json=captcha)
        assert problem.status_code == 503
    finally:
        recreate()
        eventually(lambda: all_answer_with(1), 60, "version 1 is active again")
