"""The commands of the README work as printed."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path

from tests.e2e.stack import ROOT, Stack
from tests.test_readme import list_commands

COPY_PRESET = "mkdir -p presets && cp trainer/presets/best.toml presets/mine.toml"
# Commands other than curl, and where they are tested.
TESTED = {
    "docker compose up": "tests/e2e/conftest.py",
    "docker compose up -d --scale inference=3 --scale generator=2": (
        "test_replicas_share_the_requests"
    ),
    "docker compose --profile gpu up": "tests/test_compose.py",
    "docker compose run --rm --no-deps --entrypoint rm trainer -r /models/captcha/2": (
        "test_a_restarted_generator_interrupts_no_training"
    ),
    (
        "CAPTCHA_CHARSET=ABCDEFGHJKLMNPQRSTUVWXYZ23456789 CAPTCHA_LENGTH=6 CAPTCHA_MIN_LENGTH=4"
        " docker compose up -d"
    ): "test_other_captchas_are_predicted_without_a_training",
    COPY_PRESET: "test_the_preset_is_copied_as_printed",
    "PRESETS_DIR=./presets TRAIN_PRESET=/presets/mine.toml docker compose up": (
        "tests/e2e/trainers.py"
    ),
    "docker compose run --rm trainer --epochs 100 --max-minutes 10 --target-accuracy 0.9995": (
        "test_a_killed_training_resumes_and_respects_its_time_limit"
    ),
    "make train DATA=folder": "test_an_image_folder_is_trained_on",
    'make label DATA=folder OUT=labelled ARGS="--charset 0123456789 --length 4"': (
        "test_images_without_labels_are_labelled"
    ),
    'make audit-captcha ARGS="--style classic --length 5" OUT=report': (
        "test_an_audit_of_ones_own_images_gives_a_report_that_the_page_lists"
    ),
    "make course": ("test_steps_of_the_course_write_figures_that_the_printed_command_copies_out"),
    "make local": "tests/test_local.py",
    "make test": ".ci/run",
    "make test-slow": ".ci/run",
    "make lint": ".ci/run",
    "make e2e": ".ci/run",
}


def join_lines(commands: list[str]) -> list[str]:
    """Join commands that continue on the next line."""
    return "\n".join(commands).replace("\\\n", " ").replace("|\n", "| ").splitlines()


def test_the_curl_commands_work_as_printed(stack: Stack, trained: float, tmp_path: Path) -> None:
    commands = [line for line in join_lines(list_commands("README.md")) if "curl " in line]
    assert len(commands) >= 4
    for command in commands:
        local = command.replace("localhost:5000", f"127.0.0.1:{stack.port}")
        result = subprocess.run(
            ["bash", "-o", "pipefail", "-c", local],
            cwd=tmp_path, capture_output=True, text=False, check=False,
        )  # fmt: skip
        assert result.returncode == 0, (command, result.stderr)
        if "/predict" in command:
            assert b'"success":true' in result.stdout, (command, result.stdout)
    with zipfile.ZipFile(tmp_path / "dataset.zip") as archive:
        assert len(archive.namelist()) == 500


def test_the_preset_is_copied_as_printed(tmp_path: Path) -> None:
    (tmp_path / "trainer").symlink_to(ROOT / "trainer")
    subprocess.run(["bash", "-c", COPY_PRESET], cwd=tmp_path, check=True)
    preset = (tmp_path / "presets/mine.toml").read_bytes()
    assert preset == (ROOT / "trainer/presets/best.toml").read_bytes()


def test_every_other_command_is_tested(stack: Stack) -> None:
    commands = join_lines(list_commands("README.md"))
    others = {line for line in commands if "curl " not in line and "printf" not in line}
    assert others == set(TESTED), others ^ set(TESTED)
    sources = "".join(path.read_text() for path in (ROOT / "tests/e2e").glob("*.py"))
    for where in TESTED.values():
        assert f"def {where}(" in sources or (ROOT / where).is_file(), where
    assert "--preset" in stack.compose("run", "--rm", "--no-deps", "trainer", "--help").stdout
    for key, value, service in (
        ("BUNDLED_MODEL", "off", "inference"),
        ("TRAIN_PRESET", "course", "trainer"),
    ):
        resolved = stack.compose("config", "--format", "json", **{key: value}).stdout
        assert json.loads(resolved)["services"][service]["environment"][key] == value
