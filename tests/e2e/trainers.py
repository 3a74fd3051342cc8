"""Trainings beside the running services."""

from __future__ import annotations

import subprocess

from tests.e2e.stack import Stack, raw_log_of
from tests.serving import eventually

SMALL = {
    "TRAIN_CAPTCHAS": "6000",
    "TRAIN_EPOCHS": "2",
    "TRAIN_DRAWINGS": "current",
    "TRAIN_VALIDATION_CAPTCHAS": "200",
    "TRAIN_TEST_CAPTCHAS": "200",
    "TRAIN_SEED": "77",
}


def run_trainer(stack: Stack, **settings: str) -> str:
    """A further training beside the running services; its container's id."""
    options = [word for key, value in settings.items() for word in ("-e", f"{key}={value}")]
    return stack.compose("run", "-d", "--no-deps", *options, "trainer").stdout.split()[-1]


def finish(stack: Stack, container: str) -> tuple[int, str]:
    eventually(
        lambda: stack.inspect(container)["State"]["Status"] == "exited", 240, "the trainer ends"
    )
    logs = raw_log_of(container)
    code = stack.inspect(container)["State"]["ExitCode"]
    subprocess.run(["docker", "rm", container], capture_output=True, check=True)
    return code, logs
