"""`make local`: the three programs as plain processes."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from shared.versions.artifacts import list_versions
from tests.serving import eventually, free_port

ROOT = Path(__file__).parents[1]
PRESET = """
captchas = 3_000
epochs = 2
validation_captchas = 100
test_captchas = 100
publish_worse = true
"""


@pytest.mark.slow
def test_make_local_serves_trains_and_stops_on_ctrl_c(tmp_path: Path) -> None:
    generator_port, inference_port = free_port(), free_port()
    preset = tmp_path / "small.toml"
    preset.write_text(PRESET)
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("TRAIN_")},
        "GENERATOR_PORT": str(generator_port),
        "INFERENCE_PORT": str(inference_port),
        "MODELS_DIR": str(tmp_path / "models"),
        "DATA_DIR": str(tmp_path / "data"),
        "CUDA_VISIBLE_DEVICES": "-1",
        "TRAIN_PRESET": str(preset),
    }
    log = (tmp_path / "log").open("w+")
    # A new session, as in a terminal: Ctrl-C reaches every process in it.
    make = subprocess.Popen(
        ["make", "--no-print-directory", "local"],
        cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{inference_port}") as inference:

            def version() -> int | None:
                return inference.get("/ready").json().get("version")

            eventually(lambda: version() is not None, 60, "a model is active")
            assert version() == 0, "the bundled model is active while the training runs"
            eventually(lambda: version() == 1, 180, "the trained version is active")
            captcha = httpx.get(f"http://127.0.0.1:{generator_port}/captcha").json()
            assert inference.post("/predict", json=captcha).json()["success"] is True
        assert list_versions(tmp_path / "models" / "captcha") == [1]
    finally:
        os.killpg(make.pid, signal.SIGINT)
        make.wait(timeout=30)
    log.seek(0)
    output = log.read()
    assert "Traceback" not in output, output
    deadline = time.monotonic() + 10
    while has_processes(make.pid):
        assert time.monotonic() < deadline, "a process is still running"
        time.sleep(0.1)


def has_processes(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
