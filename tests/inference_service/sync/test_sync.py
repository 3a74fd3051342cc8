from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from inference_service.sync.__main__ import find_wait
from inference_service.sync.settings import SyncSettings
from shared.settings import SettingsError

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


def test_the_service_needs_only_the_packages_of_its_image() -> None:
    script = (
        "import sys, inference_service.sync.__main__;"
        "print(*{'numpy', 'PIL', 'fastapi', 'openvino', 'httpx', 'obstore'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.split() == []
