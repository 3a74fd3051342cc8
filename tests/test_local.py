"""`make local`: the same three programs as plain processes."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import httpx

from shared.artifacts import list_versions
from tests.serving import eventually, free_port

ROOT = Path(__file__).parents[1]


def test_make_local_issues_trains_and_answers_and_ctrl_c_stops_all(tmp_path: Path) -> None:
    generator_port, inference_port = free_port(), free_port()
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("TRAIN_")},
        "GENERATOR_PORT": str(generator_port),
        "INFERENCE_PORT": str(inference_port),
        "MODELS_DIR": str(tmp_path / "models"),
        "DATA_DIR": str(tmp_path / "data"),
        "CUDA_VISIBLE_DEVICES": "-1",
        "TRAIN_CAPTCHAS": "3000",
        "TRAIN_EPOCHS": "2",
        "TRAIN_VALIDATION_CAPTCHAS": "100",
        "TRAIN_TEST_CAPTCHAS": "100",
        "TRAIN_MIN_ACCURACY": "0",
    }
    log = (tmp_path / "log").open("w+")
    # A session of its own, as a terminal would give it: Ctrl-C reaches every process in it.
    make = subprocess.Popen(
        ["make", "--no-print-directory", "local"],
        cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{inference_port}") as inference:

            def version() -> int | None:
                return inference.get("/ready").json().get("version")

            eventually(lambda: version() is not None, 60, "a model answers")
            assert version() == 0, "long before the training ends, it is the one in the box"
            eventually(lambda: version() == 1, 120, "the one that was trained answers")
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
    while group_lives(make.pid):
        assert time.monotonic() < deadline, "a process was left behind"
        time.sleep(0.1)


def group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
