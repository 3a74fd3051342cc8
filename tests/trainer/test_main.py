"""The trainer as a process: status codes, one line for each error, and a stop in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

from shared.versions.artifacts import list_versions, verify
from shared.versions.training_status import TrainingStatus, read_training_status

ROOT = Path(__file__).parents[2]
# A training of seconds.
PRESET = """
network = "compact"
init = "scratch"
learning_rate = 0.004
captchas = 400
styles = ["current"]
validation_captchas = 100
test_captchas = 100
epochs = 1
publish_worse = true
"""


def build_environment(tmp_path: Path, url: object, **settings: str) -> dict[str, str]:
    preset = tmp_path / "tiny.toml"
    preset.write_text(PRESET)
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith("TRAIN_")},
        "MODELS_DIR": str(tmp_path / "models"),
        "DATA_DIR": str(tmp_path / "data"),
        "GENERATOR_URL": str(url),
        "GENERATOR_TIMEOUT_S": "0.5",
        "CUDA_VISIBLE_DEVICES": "-1",
        "TRAIN_PRESET": str(preset),
        **settings,
    }


def train(
    tmp_path: Path, url: object, *arguments: str, **settings: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "trainer", *arguments],
        env=build_environment(tmp_path, url, **settings),
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def read_status(tmp_path: Path) -> TrainingStatus:
    status = read_training_status(tmp_path / "models")
    assert status is not None
    return status


def last_line(result: subprocess.CompletedProcess[str]) -> str:
    """Return the last line of the log; an error must be one line without a traceback."""
    assert "Traceback" not in result.stderr
    return result.stderr.strip().splitlines()[-1]


@pytest.mark.slow
def test_a_training_is_published_once_and_again_if_the_version_is_damaged(
    tmp_path: Path, generator: httpx.Client
) -> None:
    first = train(tmp_path, generator.base_url)
    assert first.returncode == 0, first.stderr
    assert "epoch 1 of 1" in first.stderr
    assert "version 1 published" in last_line(first)
    assert (read_status(tmp_path).state, read_status(tmp_path).version) == ("published", 1)
    versions = tmp_path / "models" / "captcha"
    assert verify(versions / "1").config["captchas"] == 400

    again = train(tmp_path, generator.base_url)
    assert again.returncode == 0, again.stderr
    assert "version 1 was trained with these settings: nothing to do" in last_line(again)
    assert "epoch 1 of 1" not in again.stderr

    rejected = train(tmp_path, generator.base_url, TRAIN_MIN_ACCURACY="0.99", TRAIN_SEED="5")
    assert rejected.returncode == 1
    assert last_line(rejected).endswith(
        "captchas below the required 99.00%; nothing was published, existing versions are unchanged"
    )
    assert list_versions(versions) == [1]

    (versions / "1" / "saved_model.pb").write_bytes(b"")
    repaired = train(tmp_path, generator.base_url)
    assert repaired.returncode == 0, repaired.stderr
    assert "version 1 is ignored: saved_model.pb has 0 bytes" in repaired.stderr
    assert list_versions(versions) == [1, 2]


@pytest.mark.slow
def test_a_stopped_training_keeps_its_epochs_and_publishes_nothing(
    tmp_path: Path, generator: httpx.Client
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "trainer", "--epochs", "1000"],
        env=build_environment(tmp_path, generator.base_url), cwd=ROOT, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stderr is not None
    log = ""
    for line in process.stderr:
        log += line
        if "epoch 2: loss" in line:
            process.send_signal(signal.SIGTERM)  # what `docker stop` sends
    assert process.wait(60) == 130
    assert "stopped; data, completed epochs and published versions are kept" in log
    assert "Traceback" not in log
    assert list((tmp_path / "data" / "runs").rglob("epoch-*.npz"))
    assert list((tmp_path / "data").rglob("0-400.npz"))
    assert list_versions(tmp_path / "models" / "captcha") == []
    status = read_status(tmp_path)
    assert (status.state, status.reason) == ("stopped", None)
    assert (status.epochs, status.captchas_fetched, len(status.samples)) == (1000, 600, 8)
    assert len(status.epochs_done) >= 1  # the second may not be reported yet


def test_an_invalid_option_ends_with_status_2_and_its_name(tmp_path: Path) -> None:
    result = train(tmp_path, "http://127.0.0.1:9", TRAIN_EPOCHS="many")
    assert result.returncode == 2
    assert last_line(result).endswith(
        "TRAIN_EPOCHS: Input should be a valid integer, unable to parse string as an integer,"
        " not 'many'"
    )


def test_an_invalid_address_ends_with_status_2_and_its_value(tmp_path: Path) -> None:
    result = train(tmp_path, "generator:8000")
    assert result.returncode == 2
    assert last_line(result).endswith(
        "GENERATOR_URL: Input should be a URL such as http://host:port, not 'generator:8000'"
    )


def test_an_invalid_preset_ends_with_status_2(tmp_path: Path) -> None:
    result = train(tmp_path, "http://127.0.0.1:9", TRAIN_PRESET="slow")
    assert result.returncode == 2
    assert "TRAIN_PRESET: Input should be one of" in last_line(result)


def test_an_unreachable_generator_ends_with_status_75_and_its_address(tmp_path: Path) -> None:
    result = train(tmp_path, "http://127.0.0.1:9")
    assert result.returncode == os.EX_TEMPFAIL
    expected = "the generator at http://127.0.0.1:9 was not ready within 0.5 s: "
    assert expected in last_line(result)
    status = read_status(tmp_path)
    assert status.state == "failed"
    assert status.reason is not None
    assert status.reason.startswith("the generator at … was not ready within 0.5 s: ")
    assert last_line(result).endswith("nothing was published, existing versions are unchanged")


def test_a_models_directory_that_cannot_be_written_ends_with_status_75(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file, not a directory")
    with other_server({"/ready": {}, "/captcha/spec": SPEC_BODY}) as url:
        result = train(tmp_path, url)
    assert result.returncode == os.EX_TEMPFAIL
    assert str(tmp_path / "models") in last_line(result)


def test_a_missing_image_folder_ends_with_status_1_and_its_name(tmp_path: Path) -> None:
    result = train(
        tmp_path, "http://127.0.0.1:9", "--captchas", "0", "--image-folder", "/nothing/here"
    )
    assert result.returncode == 1
    assert "/nothing/here is not a directory; nothing was published" in last_line(result)


def test_a_server_that_is_not_a_generator_ends_with_status_75(tmp_path: Path) -> None:
    with other_server({"/ready": {}, "/captcha/spec": {"hello": "world"}}) as url:
        result = train(tmp_path, url)
    assert result.returncode == os.EX_TEMPFAIL
    assert "the generator's spec is invalid: spec: Field required" in last_line(result)


def test_requests_do_not_go_through_a_proxy(tmp_path: Path) -> None:
    with other_server({"/ready": {}, "/captcha/spec": {"hello": "world"}}) as url:
        proxies = {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
        result = train(tmp_path, url, **proxies, NO_PROXY="", no_proxy="")
    assert "the generator's spec is invalid: " in last_line(result)


def test_the_help_is_that_of_the_module(tmp_path: Path) -> None:
    result = train(tmp_path, "http://127.0.0.1:9", "--help")
    assert result.returncode == 0
    assert result.stdout.startswith("usage: python -m trainer [-h]")


SPEC_BODY = {
    "spec": {"charset": "0123456789", "length": 4, "width": 160, "height": 60},
    "fingerprint": "0123456789abcdef",
    "renderer": {},
    "renderer_fingerprint": "0123456789abcdef",
}


@contextmanager
def other_server(responses: dict[str, object]) -> Iterator[str]:
    """Run a server with a JSON response for each path, and yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(responses[self.path]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Write no log."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
