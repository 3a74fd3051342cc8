"""The job as a whole: what it does before, instead of and after training."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

from shared.artifacts import list_versions, verify
from trainer.config import TrainingConfig

ROOT = Path(__file__).parents[2]
QUICK = {
    "TRAIN_CAPTCHAS": "400",
    "TRAIN_EPOCHS": "1",
    "TRAIN_DRAWINGS": "current",
    "TRAIN_VALIDATION_CAPTCHAS": "100",
    "TRAIN_TEST_CAPTCHAS": "100",
    "TRAIN_MIN_ACCURACY": "0",
}


def train(tmp_path: Path, url: object, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "trainer"],
        env=environment(tmp_path, url, **settings),
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def environment(tmp_path: Path, url: object, **settings: str) -> dict[str, str]:
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith("TRAIN_")},
        "MODELS_DIR": str(tmp_path / "models"),
        "DATA_DIR": str(tmp_path / "data"),
        "GENERATOR_URL": str(url),
        "GENERATOR_WAIT_S": "2",
        "CUDA_VISIBLE_DEVICES": "-1",
        **QUICK,
        **settings,
    }


def test_it_publishes_then_finds_what_it_did_then_respects_the_gate(
    tmp_path: Path, generator: httpx.Client
) -> None:
    first = train(tmp_path, generator.base_url)
    assert first.returncode == 0, first.stderr
    assert "version 1 published" in first.stderr
    root = tmp_path / "models" / "captcha"
    verify(root / "1")

    again = train(tmp_path, generator.base_url)
    assert again.returncode == 0, again.stderr
    assert "version 1 was trained from exactly these settings: nothing to do" in again.stderr
    assert "pass 1 of 1" in first.stderr
    assert "pass 1 of 1" not in again.stderr

    gated = train(tmp_path, generator.base_url, TRAIN_MIN_ACCURACY="0.99", TRAIN_SEED="5")
    assert gated.returncode == 1
    assert "less than the 99.00% asked for; nothing was published" in gated.stderr
    assert list_versions(root) == [1]

    # A version that was damaged does not count as done.
    (root / "1" / "saved_model.pb").write_bytes(b"")
    repaired = train(tmp_path, generator.base_url)
    assert repaired.returncode == 0, repaired.stderr
    assert "version 1 does not count: saved_model.pb has 0 bytes" in repaired.stderr
    assert list_versions(root) == [1, 2]


def test_stopped_it_says_so_and_goes_on_later(tmp_path: Path, generator: httpx.Client) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "trainer", "--epochs", "1000"],
        env=environment(tmp_path, generator.base_url), cwd=ROOT, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if "trainer.fitting pass 2:" in line:
            process.send_signal(signal.SIGTERM)  # what `docker stop` sends
    assert process.wait(60) == 130
    assert "stopped; nothing was published, captchas and finished passes are kept" in said
    assert "Traceback" not in said
    assert list((tmp_path / "data" / "runs").rglob("pass-*.npz"))
    assert not list((tmp_path / "models").rglob("*.json"))


def test_a_wrong_setting_ends_at_once_with_its_name(tmp_path: Path) -> None:
    result = train(tmp_path, "http://127.0.0.1:9", TRAIN_EPOCHS="many")
    assert result.returncode == 2
    assert result.stderr.strip().endswith("TRAIN_EPOCHS must be a whole number, not 'many'")


@pytest.mark.parametrize(
    "url",
    [
        "generator:8000",
        "http://localhost:80o0",
        "http://[::1",
        "http:///x",
        "http://.a:1",
        "http://" + 70 * "a",
    ],
)
def test_an_address_that_is_none_is_refused_at_once(tmp_path: Path, url: str) -> None:
    result = train(tmp_path, url)
    assert result.returncode == 2
    assert "GENERATOR_URL" in result.stderr
    assert repr(url) in result.stderr
    assert "Traceback" not in result.stderr


def test_without_a_generator_it_ends_with_a_sentence(tmp_path: Path) -> None:
    result = train(tmp_path, "http://127.0.0.1:9")
    assert result.returncode == 1
    assert "the generator at http://127.0.0.1:9 was not ready within 2 s" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_models_directory_that_cannot_be_written_ends_with_a_sentence(
    tmp_path: Path, generator: httpx.Client
) -> None:
    (tmp_path / "models").write_text("a file, not a directory")
    result = train(tmp_path, generator.base_url)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "models" in result.stderr


def test_help_lists_every_setting(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "trainer", "--help"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    for setting in dataclasses.fields(TrainingConfig):
        assert f"--{setting.name.replace('_', '-')}" in result.stdout


def test_a_server_that_is_no_generator_is_named(tmp_path: Path) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"hello": "world"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Other)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    result = train(tmp_path, f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    assert result.returncode == 1
    assert "the generator's spec cannot be used" in result.stderr
    assert "Traceback" not in result.stderr
