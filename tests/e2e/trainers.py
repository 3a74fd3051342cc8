"""Trainings beside the running services."""

from __future__ import annotations

import subprocess

from tests.e2e.stack import Stack, read_log
from tests.serving import eventually

SMALL_PRESET = """
network = "compact"
init = "scratch"
learning_rate = 0.004
captchas = 6_000
folder_epoch_captchas = 6_000
styles = ["current"]
validation_captchas = 200
test_captchas = 200
epochs = 2
seed = 77
publish_worse = true
"""
"""A training of seconds; every stack mounts it as /presets/small.toml."""


def run_trainer(stack: Stack, **settings: str) -> str:
    """Start a further training with the small preset and return the id of its container."""
    settings = {"TRAIN_PRESET": "/presets/small.toml"} | settings
    options = [word for key, value in settings.items() for word in ("-e", f"{key}={value}")]
    return stack.compose("run", "-d", "--no-deps", *options, "trainer").stdout.split()[-1]


def finish(stack: Stack, container: str) -> tuple[int, str]:
    """Wait until a training ends, remove its container, and return exit code and log."""
    eventually(
        lambda: stack.inspect(container)["State"]["Status"] == "exited", 240, "the trainer exits"
    )
    log = read_log(container)
    code = stack.inspect(container)["State"]["ExitCode"]
    subprocess.run(["docker", "rm", container], capture_output=True, check=True)
    return code, log
