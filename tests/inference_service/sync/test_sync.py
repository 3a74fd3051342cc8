from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from inference_service.sync.__main__ import find_wait
from inference_service.sync.settings import SyncSettings
from shared.settings import SettingsError
from tests.serving import eventually

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    "url", ["s3://bucket/path", "gs://bucket", "az://container/path", "https://host/path"]
)
def test_the_url_of_a_store_is_accepted(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("MODELS_URL", url)
    assert SyncSettings.load().models_url == url


@pytest.mark.parametrize("url", ["/models", "bucket/path", "ftp://host/path", "s3://", "s3:bucket"])
def test_another_url_ends_the_service_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("MODELS_URL", url)
    with pytest.raises(SettingsError, match=r"^MODELS_URL: must be a URL that starts with s3://"):
        SyncSettings.load()


def test_without_a_url_the_service_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MODELS_URL", raising=False)
    with pytest.raises(SettingsError, match=r"^MODELS_URL: "):
        SyncSettings.load()


def test_checks_that_fail_are_repeated_ever_less_often() -> None:
    waits = [10.0]
    for _ in range(7):
        waits.append(find_wait(waits[-1], 10.0, has_failed=True))
    assert waits == [10, 20, 40, 80, 160, 300, 300, 300]
    assert find_wait(300.0, 10.0, has_failed=False) == 10
    assert find_wait(3_600.0, 3_600.0, has_failed=True) == 3_600


def run_service(models: Path, **environment: str) -> subprocess.Popen[str]:
    settings = {"MODELS_DIR": str(models), "SYNC_POLL_S": "0.1"} | environment
    return subprocess.Popen(
        [sys.executable, "-m", "inference_service.sync"],
        cwd=ROOT, env=os.environ | settings,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def test_an_invalid_setting_ends_it_with_a_message(tmp_path: Path) -> None:
    process = run_service(tmp_path, MODELS_URL="/models")
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert output.startswith("sync: MODELS_URL: must be a URL that starts with")


def test_a_volume_that_cannot_be_written_is_logged_and_tried_again(tmp_path: Path) -> None:
    (tmp_path / "volume").write_text("a file, not a directory")
    process = run_service(tmp_path / "volume" / "models", MODELS_URL="http://127.0.0.1:9")
    try:
        assert process.stdout is not None
        line = next(line for line in process.stdout if "cannot be written" in line)
        assert "Not a directory" in line
        (tmp_path / "volume").unlink()
        eventually((tmp_path / "volume" / "models").exists, 30, "it has tried again")
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()


def test_the_service_needs_only_the_packages_of_its_image() -> None:
    script = (
        "import sys, inference_service.sync.__main__;"
        "print(*{'numpy', 'PIL', 'fastapi', 'openvino', 'httpx', 'obstore'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.split() == []
